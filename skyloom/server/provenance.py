"""C2PA: every film carries a signed statement that a model made it, from what, with the recipe; and what such a statement says.

The certificate is the operator's, or a chain of our own: a root made at the first start and a leaf below it. Whoever is given
the root (HOME/signing/root.pem) can tell films of this server from all others; to everybody else they are whole, by a
signer that nobody vouches for.
"""

import contextlib
import datetime
import fcntl
import io
import json
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .. import __version__
from ..base.video import read_recipe, write_whole
from .media import Media
from .records import Job
from .settings import Settings

log = logging.getLogger("skyloom.server")
ROOT, CHAIN, KEY = "root.pem", "chain.pem", "key.pem"
KINDS = "http://cv.iptc.org/newscodes/digitalsourcetype/"
MADE_BY_A_MODEL, CHANGED_BY_A_MODEL = KINDS + "trainedAlgorithmicMedia", KINDS + "compositeWithTrainedAlgorithmicMedia"
PUT_TOGETHER = KINDS + "compositeSynthetic"
PARENT, COMPONENT, INPUT = "parentOf", "componentOf", "inputTo"  # what a file is to the one that was made from it
FORMATS = {".mp4": "video/mp4", ".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp"}  # that can be looked into
ALONE = {"remote_manifest_fetch": False}  # a file may name an address of its manifest: nobody goes there
RECIPE = "org.skyloom.recipe"
NOT_INSIDE = ("ManifestNotFound", "no JUMBF", "must fetch remote manifests")  # in errors about a file without a manifest
UNTRUSTED = "signingCredential.untrusted"
EMAIL_PROTECTION = "1.3.6.1.5.5.7.3.4"  # the extended key usage that verifiers take in a signing certificate
ALGORITHMS = {"secp256r1": b"es256", "secp384r1": b"es384", "secp521r1": b"es512"}
YEARS = 10


@dataclass(frozen=True)
class Source:
    """A file that another one is made from; C2PA calls it an ingredient."""

    path: Path
    title: str
    relation: str  # PARENT, at most one; COMPONENT or INPUT


def sources_of(job: Job, media: Media) -> list[Source]:
    """The files that a job's film is made from, by the ids of this server's films where they are such."""
    pieces = [piece["film"] for piece in job.request.get("pieces", [])]
    relations = {"clip": PARENT, "to": COMPONENT} | dict.fromkeys(pieces, COMPONENT)
    titles = {id: id for id in pieces} | job.request.get("titles", {})
    return [
        Source(media.path(job.id, name), titles.get(option, name), relations.get(option, INPUT))
        for option, name in job.request.get("inputs", {}).items()
    ]


class Signer:
    """Signs the bytes of films and pictures with one certificate."""

    def __init__(self, settings: Settings):
        if settings.certificate:
            chain, key = Path(settings.certificate), Path(settings.certificate_key)
        else:
            folder = own_certificate(settings.root / "signing")
            chain, key = folder / CHAIN, folder / KEY
        self.chain, self.key = chain.read_bytes(), key.read_bytes()
        self.algorithm = _algorithm(self.key)

    def sign(self, data: bytes, mime: str, recipe: dict[str, Any] | None, sources: Sequence[Source] = ()) -> bytes:
        """The same file with a manifest in it. `mime` is video/mp4 or image/png, image/webp, image/jpeg.

        The manifest names the sources, and holds those of theirs that have one.
        """
        assertions = [] if recipe is None else [{"label": RECIPE, "data": recipe}]
        generator = [{"name": "skyloom", "version": __version__}]
        manifest = {"claim_generator_info": generator, "format": mime, "title": "Skyloom", "assertions": assertions}
        info = c2pa.C2paSignerInfo(alg=self.algorithm, sign_cert=self.chain, private_key=self.key, ta_url=None)
        target = io.BytesIO()
        with (
            c2pa.Context.from_dict({"verify": ALONE}) as context,
            c2pa.Signer.from_info(info) as signer,
            c2pa.Builder(json.dumps(manifest), context) as builder,
        ):
            for action in _actions(_name_sources(builder, sources)):
                builder.add_action(json.dumps(action))
            builder.sign(signer, mime, io.BytesIO(data), target)
        return target.getvalue()


def _name_sources(builder: c2pa.Builder, sources: Sequence[Source]) -> dict[str, list[str]]:
    """Add the sources to a manifest; returns their ids by relation. One that cannot be read stays in the recipe alone."""
    ids: dict[str, list[str]] = {PARENT: [], COMPONENT: [], INPUT: []}
    for number, source in enumerate(sources):
        id, format = f"source-{number}", FORMATS.get(source.path.suffix, "")
        about = {"title": source.title, "relationship": source.relation, "label": id}
        try:
            builder.add_ingredient(json.dumps(about), format, io.BytesIO(source.path.read_bytes()))
        except c2pa.C2paError as error:
            log.warning("no ingredient", extra={"file": source.path.name, "error": str(error)})
            continue
        ids[source.relation].append(id)
    return ids


def _actions(ids: dict[str, list[str]]) -> Iterator[dict[str, Any]]:
    """What was done: the first action opens the parent or makes something new; what is joined to it is placed."""
    using = lambda some: {"parameters": {"ingredientIds": some}} if some else {}  # noqa: E731
    if ids[PARENT]:
        yield {"action": "c2pa.opened", **using(ids[PARENT])}
        yield {"action": "c2pa.edited", "digitalSourceType": CHANGED_BY_A_MODEL, **using(ids[INPUT])}
    else:
        kind = PUT_TOGETHER if ids[COMPONENT] else MADE_BY_A_MODEL
        yield {"action": "c2pa.created", "digitalSourceType": kind, **using(ids[INPUT])}
    yield from ({"action": "c2pa.placed", **using([id])} for id in ids[COMPONENT])


def verify(path: Path, anchors: str = "") -> dict[str, Any]:
    """What a file's manifest says: signed, intact, trusted, by (the signer's name), recipe, sources, problems (codes).

    `anchors` are PEM roots to trust. A file without a manifest is {"signed": False}. FileNotFoundError where there is none.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file.")
    trust = {"trust_anchors": anchors, "trust_config": EMAIL_PROTECTION + "\n"}
    settings = {"verify": ALONE | {"verify_trust": True}} | ({"trust": trust} if anchors else {})
    try:
        with c2pa.Context.from_dict(settings) as context, c2pa.Reader(str(path), context=context) as reader:
            report = json.loads(reader.json())
    except c2pa.C2paError as error:
        if any(said in f"{type(error).__name__} {error}" for said in NOT_INSIDE):
            return {"signed": False}
        raise ValueError(f"{path}: its manifest cannot be read ({error}).") from error
    manifest = report["manifests"][report["active_manifest"]]
    codes = [item["code"] for item in report.get("validation_status", [])]
    recipes = [item["data"] for item in manifest.get("assertions", []) if item["label"] == RECIPE]
    return {
        "signed": True,
        "intact": report["validation_state"] in ("Valid", "Trusted"),
        "trusted": report["validation_state"] == "Trusted",
        "by": _signer_of(manifest),
        "recipe": recipes[0] if recipes else None,
        "sources": [_told(each, report["manifests"]) for each in manifest.get("ingredients", [])],
        "problems": [code for code in codes if code != UNTRUSTED],
    }


def _signer_of(manifest: dict[str, Any]) -> str | None:
    signature = manifest.get("signature_info", {})
    return signature.get("common_name") or signature.get("issuer")


def _told(ingredient: dict[str, Any], manifests: dict[str, Any]) -> dict[str, Any]:
    """One source: title, relation, and of its own manifest as it was then: signed, intact, by."""
    about = {"title": ingredient.get("title", ""), "relation": ingredient.get("relationship", ""), "signed": False}
    manifest = manifests.get(ingredient.get("active_manifest", ""))
    if manifest is None:
        return about
    faults = ingredient.get("validation_results", {}).get("activeManifest", {}).get("failure", [])
    intact = all(fault["code"] == UNTRUSTED for fault in faults)
    return about | {"signed": True, "intact": intact, "by": _signer_of(manifest)}


def about(path: Path, root: Path) -> dict[str, Any]:
    """What a film or picture says of itself: {"recipe": ... or None, "provenance": as `verify` tells it}.

    `root` is the file of the certificate to trust; it may be missing.
    """
    said = verify(path, root.read_text() if root.is_file() else "")
    inside = said.pop("recipe", None)
    with contextlib.suppress(ValueError):  # no metadata in the file, as the setting `metadata` may want it
        inside = read_recipe(path)
    return {"recipe": inside, "provenance": said}


def own_certificate(folder: Path) -> Path:
    """A folder with root.pem, chain.pem and key.pem, made where they are missing. Many processes may call at once."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone(folder / ".lock"):
        if not all((folder / name).is_file() for name in (ROOT, CHAIN, KEY)):
            _make_chain(folder)
    return folder


def _make_chain(folder: Path) -> None:
    root_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _certificate("Skyloom Root", root_key)
    leaf = _certificate("Skyloom", leaf_key, root, root_key)
    pem = serialization.Encoding.PEM
    secret = leaf_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    before = os.umask(0o077)  # the key is for this user's eyes alone
    try:
        write_whole(folder / KEY, secret)
    finally:
        os.umask(before)
    write_whole(folder / CHAIN, leaf.public_bytes(pem) + root.public_bytes(pem))
    write_whole(folder / ROOT, root.public_bytes(pem))  # the root's own key is forgotten: it signs this leaf and no other


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None = None,
    issuer_key: ec.EllipticCurvePrivateKey | None = None,
) -> x509.Certificate:
    """A root where there is no issuer, else a leaf that may sign content."""
    is_root, now = issuer is None, datetime.datetime.now(datetime.UTC)
    names = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Skyloom"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    subject = x509.Name(names)
    usage = x509.KeyUsage(
        digital_signature=not is_root, key_cert_sign=is_root, crl_sign=is_root, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), True)
        .add_extension(usage, True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    )
    if issuer_key:
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        above = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
        builder = builder.add_extension(purpose, False).add_extension(above, False)
    return builder.sign(issuer_key or key, hashes.SHA256())


def _algorithm(key: bytes) -> bytes:
    secret = serialization.load_pem_private_key(key, None)
    if isinstance(secret, ec.EllipticCurvePrivateKey) and secret.curve.name in ALGORITHMS:
        return ALGORITHMS[secret.curve.name]
    raise ValueError(f"certificate_key: wanted an elliptic-curve key ({', '.join(ALGORITHMS)}), got {type(secret).__name__}.")


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
