// Pictures of cards and of the cast: small enough for the browser's storage, as data URLs.

const SIDE = 640; // pixels of the longer side: more than the model films

/** A picture file -> a data URL; as a PNG, what is clear in it stays so. Rejects where the browser cannot read it. */
export async function fromFile(file: Blob, type: "image/jpeg" | "image/png" = "image/jpeg"): Promise<string> {
  const image = await createImageBitmap(file);
  try {
    return drawn(image, image.width, image.height, type);
  } finally {
    image.close();
  }
}

/** The frame of a film at a time, or its last one. */
export async function frameOf(url: string, seconds = Infinity): Promise<string> {
  const video = document.createElement("video");
  video.muted = true;
  video.preload = "auto";
  video.src = url;
  await once(video, "loadeddata");
  const last = Math.max(0, video.duration - 0.02);
  if (last > 0) {
    video.currentTime = Math.min(seconds, last);
    await once(video, "seeked");
  }
  return drawn(video, video.videoWidth, video.videoHeight);
}

function once(video: HTMLVideoElement, event: string): Promise<void> {
  return new Promise((done, fail) => {
    video.addEventListener(event, () => done(), { once: true });
    video.addEventListener("error", () => fail(video.error ?? new Error(event)), { once: true });
  });
}

function drawn(source: CanvasImageSource, width: number, height: number, type = "image/jpeg"): string {
  const scale = Math.min(1, SIDE / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  canvas.getContext("2d")!.drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL(type, 0.85);
}
