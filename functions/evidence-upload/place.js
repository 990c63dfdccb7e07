// Tells whether a picture or a recording says where it was taken. It is read here, in
// the browser, before anything is sent. The rule is that of TellsPlace in
// shared/evidence.
window.evidencePlace = (() => {
  "use strict";
  const tagGPS = 0x8825;
  const entries = (view, start, little, at, visit) => {
    if (start + at + 2 > view.byteLength) return;
    const n = view.getUint16(start + at, little);
    if (n > 512) return;
    for (let i = 0; i < n; i++) {
      const e = start + at + 2 + 12 * i;
      if (e + 12 > view.byteLength) return;
      visit(view.getUint16(e, little), view.getUint32(e + 8, little));
    }
  };
  const block = (view, start) => {
    if (start + 8 > view.byteLength) return false;
    const mark = view.getUint32(start);
    if (mark !== 0x49492a00 && mark !== 0x4d4d002a) return false;
    const little = mark === 0x49492a00;
    let gps = 0;
    entries(view, start, little, view.getUint32(start + 4, little), (tag, value) => {
      if (tag === tagGPS) gps = value;
    });
    let position = false;
    if (gps > 0) {
      entries(view, start, little, gps, (tag) => {
        position = position || tag === 2 || tag === 4;
      });
    }
    return position;
  };
  const apple = Array.from("com.apple.quicktime.location.ISO6709", (c) => c.charCodeAt(0));
  const named = (bytes, i) => apple.every((c, k) => bytes[i + k] === c);
  // recorded finds ©xyz, a length, a language, and a latitude with its sign.
  const recorded = (bytes, i) =>
    bytes[i + 1] === 0x78 && bytes[i + 2] === 0x79 && bytes[i + 3] === 0x7a && (bytes[i + 8] === 0x2b || bytes[i + 8] === 0x2d) && bytes[i + 9] >= 0x30 && bytes[i + 9] <= 0x39;
  const tells = (buffer) => {
    const bytes = new Uint8Array(buffer);
    const view = new DataView(buffer);
    for (let i = 0; i + 8 <= bytes.length; i++) {
      const c = bytes[i];
      if ((c === 0x49 || c === 0x4d) && block(view, i)) return true;
      if (c === 0xa9 && recorded(bytes, i)) return true;
      if (c === 0x63 && named(bytes, i)) return true;
    }
    return false;
  };
  // Cameras write it near the beginning; WebP, MP4 and MOV often have it at the end.
  const part = 4 << 20;
  const check = async (file) => {
    if (!/^(image|video)\/|^$/.test(file.type) && !/\.(jpe?g|png|webp|hei[cf]|tiff?|mp4|m4v|mov|3gp)$/i.test(file.name)) return false;
    const read = window.evidenceHash.read;
    if (tells(await read(file.slice(0, part)))) return true;
    return file.size > part && tells(await read(file.slice(Math.max(part, file.size - (1 << 20)))));
  };
  return { check, tells };
})();
