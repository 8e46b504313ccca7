// Every method of the real Node client against a running server: node node_client.mjs BASE_URL FOLDER. Throws at the first fault.
import assert from 'node:assert/strict';
import { createReadStream, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import OpenAI, { toFile } from 'openai';

const [, , baseURL, folder] = process.argv;
const client = new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 });
const short = { seconds: '0.5', size: '64x64', steps: 1 };

async function finished(id) {
  for (;;) {
    const { data, response } = await client.videos.retrieve(id).withResponse();
    assert.ok(Number(response.headers.get('openai-poll-after-ms')) > 0);
    assert.ok(response.headers.get('x-request-id').startsWith('req_'));
    if (!['queued', 'in_progress'].includes(data.status)) return data;
    await new Promise((done) => setTimeout(done, 100));
  }
}

async function made(promise) {
  const film = await finished((await promise).id);
  assert.equal(film.status, 'completed', JSON.stringify(film.error));
  return film;
}

async function bytes(answer) {
  return Buffer.from(await (await answer).arrayBuffer());
}

async function refused(call, status, code) {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof OpenAI.APIError, String(error));
    assert.deepEqual([error.status, error.code], [status, code]);
    assert.ok(error.message && error.requestID.startsWith('req_'));
    return true;
  });
}

const png = readFileSync(`${folder}/fox.png`);
const picture = () => toFile(png, 'fox.png', { type: 'image/png' });
const url = `data:image/png;base64,${png.toString('base64')}`;

// create, in both encodings, with a picture in each
const film = await made(client.videos.create({ prompt: 'a red fox runs', model: 'sora-2', ...short, seed: 7 }));
assert.deepEqual([film.object, film.progress, film.size, film.seconds, film.seed], ['video', 100, '64x64', '0.5', 7]);
const nested = { ...short, storyboard: [{ at: 0, prompt: 'a fox' }, { at: 0.25, prompt: 'a fox runs' }] };
await made(client.videos.create({ prompt: 'a fox', ...nested }));
await made(client.post('/videos', { body: { prompt: 'a fox', ...nested } }));
await made(client.videos.create({ prompt: 'a fox', ...short, input_reference: await picture() }));
await made(client.videos.create({ prompt: 'a fox', ...short, input_reference: { image_url: url } }));

// download: film, thumbnail, sheet, a part
const mp4 = await bytes(client.videos.downloadContent(film.id));
assert.equal(mp4.subarray(4, 8).toString(), 'ftyp');
writeFileSync(`${folder}/fox.mp4`, mp4);
const thumbnail = await client.videos.downloadContent(film.id, { variant: 'thumbnail' });
assert.equal(thumbnail.headers.get('content-type'), 'image/webp');
assert.equal((await bytes(client.videos.downloadContent(film.id, { variant: 'spritesheet' }))).readUInt16BE(0), 0xffd8);
const part = await client.videos.downloadContent(film.id, {}, { headers: { Range: 'bytes=4-7' } });
assert.deepEqual([part.status, (await bytes(part)).toString()], [206, 'ftyp']);

// what becomes of a film, by id and by upload
const clip = () => createReadStream(`${folder}/fox.mp4`);
const remix = await made(client.videos.remix(film.id, { prompt: 'a red fox in the snow', steps: 1 }));
assert.equal(remix.remixed_from_video_id, film.id);
await made(client.videos.edit({ prompt: 'a fox', video: { id: film.id }, steps: 1 }));
await made(client.videos.edit({ prompt: 'a fox', video: clip(), steps: 1 }));
const longer = await made(client.videos.extend({ prompt: 'a fox', video: { id: film.id }, seconds: '0.5', steps: 1 }));
assert.equal(longer.seconds, '1');
await made(client.videos.extend({ prompt: 'a fox', video: clip(), seconds: '0.5', steps: 1 }));

// characters
const rusty = await client.videos.createCharacter({ name: 'Rusty', video: clip() });
assert.equal((await client.videos.getCharacter(rusty.id)).name, 'Rusty');
await made(client.videos.create({ prompt: 'Rusty runs', ...short, characters: [{ id: rusty.id }] }));

// pages, in both orders
const ids = [];
for await (const video of client.videos.list({ limit: 3 })) ids.push(video.id);
assert.equal(ids.length, 11);
assert.equal(ids.at(-1), film.id);
const first = await client.videos.list({ limit: 2, order: 'asc' });
assert.deepEqual([first.data.length, first.has_more, first.data[0].id], [2, true, film.id]);
assert.equal((await first.getNextPage()).data[0].id, ids.at(-3));

// errors
await refused(() => client.videos.retrieve('video_nope'), 404, 'not_found');
await refused(() => client.videos.create({ prompt: 'a fox', seconds: '1e9' }), 400, 'invalid_value');
await refused(() => client.videos.create({ prompt: 'a fox', sed: 1 }), 400, 'unknown_parameter');
await refused(() => client.videos.create({ prompt: 'a fox', model: 'sora-9' }), 404, 'model_not_found');
const once = { headers: { 'Idempotency-Key': 'once' } };
const same = await client.videos.create({ prompt: 'a fox', ...short }, once);
assert.equal((await client.videos.create({ prompt: 'a fox', ...short }, once)).id, same.id);
await refused(() => client.videos.create({ prompt: 'a cat', ...short }, { ...once, maxRetries: 2 }), 409, 'idempotency_conflict');
await finished(same.id);
assert.deepEqual(await client.videos.delete(same.id), { id: same.id, object: 'video.deleted', deleted: true });
await refused(() => client.videos.downloadContent(same.id), 404, 'not_found');

// webhooks: the event of a film passes unwrap, and no other secret opens it
let heard;
const event = new Promise((resolve) => (heard = resolve));
const ear = http.createServer((request, answer) => {
  let body = '';
  request.on('data', (piece) => (body += piece));
  request.on('end', () => (answer.end(), heard([body, request.headers])));
});
await new Promise((done) => ear.listen(0, '127.0.0.1', done));
const hook = { name: 'ear', url: `http://127.0.0.1:${ear.address().port}/`, event_types: ['video.completed'] };
const endpoint = await client.webhooks.create(hook);
assert.equal((await client.webhooks.retrieve(endpoint.id)).url, hook.url);
assert.equal((await client.webhooks.update(endpoint.id, { name: 'other' })).name, 'other');
const endpoints = [];
for await (const each of client.webhooks.list()) endpoints.push(each.id);
assert.deepEqual(endpoints, [endpoint.id]);
const told = await made(client.videos.create({ prompt: 'a fox', ...short }));
const [body, headers] = await event;
const unwrapped = await client.webhooks.unwrap(body, headers, endpoint.signing_secret);
assert.deepEqual([unwrapped.type, unwrapped.data.id], ['video.completed', told.id]);
const { signing_secret: other } = await client.webhooks.rotateSecret(endpoint.id);
await assert.rejects(() => client.webhooks.unwrap(body, headers, other), OpenAI.InvalidWebhookSignatureError);
assert.equal((await client.webhooks.test(endpoint.id, { event_type: 'video.completed' })).success, true);
assert.equal((await client.webhooks.delete(endpoint.id)).deleted, true);
ear.close();
ear.closeAllConnections();

// stills, one call and a stream; models
const stills = await client.images.generate({ prompt: 'a fox', size: '64x64', n: 2, steps: 1 });
assert.deepEqual(stills.data.map((still) => Buffer.from(still.b64_json, 'base64').readUInt16BE(0)), [0x8950, 0x8950]);
const kinds = [];
for await (const { type } of await client.images.generate({ prompt: 'a fox', size: '64x64', stream: true, steps: 1 })) kinds.push(type);
assert.deepEqual(kinds, ['image_generation.completed']);
const edited = await client.images.edit({ image: await picture(), prompt: 'a red fox', steps: 1 });
assert.equal(edited.data.length, 1);
const models = [];
for await (const model of client.models.list()) models.push(model.id);
assert.ok(models.includes('sora-2'));
assert.equal((await client.models.retrieve('sora-2')).object, 'model');
console.log('ok');
