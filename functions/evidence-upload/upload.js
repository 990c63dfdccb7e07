// Sends files piece by piece by the tus protocol: with progress, pause, several
// files, and on from where it stopped after a lost line or a closed page. Without
// this file the form works all the same, one file a page.
//
// On the device is kept only under which number a file was begun, found again by a
// hash of the address, the name, the size and the time of the file.
(() => {
  "use strict";
  const form = document.getElementById("upload");
  const queue = document.getElementById("queue");
  if (!form || !queue || !window.evidenceHash || !window.Promise || !window.Blob) return;
  const words = JSON.parse(form.dataset.words);
  const endpoint = form.dataset.endpoint;
  const most = Number(form.dataset.fileBytes);
  const piece = Number(form.dataset.piece);
  const accept = form.dataset.accept.split(",");
  const input = form.querySelector("input[type=file]");
  const list = queue.querySelector("ul");
  const status = queue.querySelector("[role=status]");
  const waits = [500, 1000, 2000, 4000, 8000, 15000];
  input.multiple = true;
  form.querySelector("button").remove();

  const memory = {
    key: (f) => window.evidenceHash.hash(new Blob([endpoint, "\n", f.name, "\n", String(f.size), "\n", String(f.lastModified)])),
    get: (k) => {
      try {
        return Number(localStorage.getItem("evidence." + k)) || 0;
      } catch {
        return 0; // the browser keeps nothing: every file begins anew
      }
    },
    set: (k, n) => {
      try {
        if (n) localStorage.setItem("evidence." + k, String(n));
        else localStorage.removeItem("evidence." + k);
      } catch {
        // as above
      }
    },
  };

  const base64 = (text) => {
    const bytes = new TextEncoder().encode(text);
    let s = "";
    for (let i = 0; i < bytes.length; i++) s += String.fromCharCode(bytes[i]);
    return btoa(s);
  };

  // call sends one request; sent is told how much of its body has gone.
  const call = (item, method, url, headers, body, sent) =>
    new Promise((done, fail) => {
      const x = new XMLHttpRequest();
      item.request = x;
      x.open(method, url);
      x.setRequestHeader("Tus-Resumable", "1.0.0");
      x.setRequestHeader("Accept", "application/json");
      x.setRequestHeader("Accept-Language", document.documentElement.lang);
      for (const h of Object.keys(headers || {})) x.setRequestHeader(h, headers[h]);
      if (sent) x.upload.onprogress = (e) => sent(e.loaded);
      x.onload = () => done(x);
      x.onerror = x.ontimeout = () => fail(new Error("line"));
      x.onabort = () => fail(new Error("abort"));
      x.timeout = 120000;
      x.send(body || null);
    });

  const told = (x) => {
    try {
      return JSON.parse(x.responseText).detail || words.failed;
    } catch {
      return words.failed;
    }
  };

  class Refused extends Error {}

  const create = async (item) => {
    const f = item.file;
    const meta = ["filename " + base64(f.name), "filetype " + base64(f.type || "application/octet-stream"), "sha256 " + base64(item.sum)];
    const x = await call(item, "POST", endpoint, { "Upload-Length": String(f.size), "Upload-Metadata": meta.join(",") });
    if (x.status === 201) {
      item.url = new URL(x.getResponseHeader("Location"), location.href).href;
      item.offset = 0;
      memory.set(item.key, Number(item.url.split("/").pop()));
      return;
    }
    if (x.status < 500 && x.status !== 409 && x.status !== 423 && x.status !== 429) throw new Refused(told(x));
    throw new Error("line");
  };

  // where asks how much has arrived; false where the upload is gone.
  const where = async (item) => {
    const x = await call(item, "HEAD", item.url);
    if (x.status === 404 || x.status === 410) return false;
    if (x.status !== 200 || Number(x.getResponseHeader("Upload-Length")) !== item.file.size) throw new Error("line");
    item.offset = Number(x.getResponseHeader("Upload-Offset"));
    return true;
  };

  const send = async (item) => {
    const from = item.offset;
    const body = item.file.slice(from, Math.min(from + piece, item.file.size));
    const headers = { "Upload-Offset": String(from), "Content-Type": "application/offset+octet-stream" };
    const x = await call(item, "PATCH", item.url, headers, body, (n) => show(item, from + n));
    if (x.status === 204) {
      item.offset = Number(x.getResponseHeader("Upload-Offset"));
      show(item, item.offset);
      return;
    }
    if (x.status === 415 || x.status === 413) {
      memory.set(item.key, 0);
      throw new Refused(told(x));
    }
    throw new Error("line");
  };

  // again is thrown away unless the item is still wanted and not paused.
  const upload = async (item) => {
    if (!item.sum) {
      say(item, words.hashing);
      item.sum = await window.evidenceHash.hash(item.file, (n) => {
        show(item, n);
        return item.stopped;
      });
      if (!item.sum) return;
      item.key = await memory.key(item.file);
      const n = memory.get(item.key);
      if (n) item.url = endpoint + "/" + n;
    }
    let tries = 0;
    let known = false;
    while (!item.stopped) {
      try {
        if (!known) {
          if (!item.url || !(await where(item))) await create(item);
          known = true;
          say(item, words.sending);
        }
        if (item.offset >= item.file.size) {
          finish(item);
          return;
        }
        await send(item);
        tries = 0;
      } catch (e) {
        if (e instanceof Refused) {
          refuse(item, e.message);
          return;
        }
        if (item.stopped) return;
        known = false; // ask first how much has arrived
        say(item, words.retrying);
        const wait = waits[Math.min(tries++, waits.length - 1)];
        await new Promise((go) => {
          item.wake = go;
          setTimeout(go, wait);
        });
      }
    }
  };

  const say = (item, text) => {
    item.words.textContent = text;
    status.textContent = item.file.name + " " + text;
  };
  const show = (item, n) => {
    item.bar.value = item.file.size ? (100 * n) / item.file.size : 0;
  };
  const finish = (item) => {
    memory.set(item.key, 0);
    item.state = "done";
    item.bar.remove();
    item.pause.remove();
    say(item, words.done);
    const hash = document.createElement("p");
    const code = document.createElement("code");
    hash.className = "hint";
    code.textContent = item.sum;
    hash.append(words.hash, code);
    item.node.insertBefore(hash, item.node.lastChild);
    arrived().append(item.node);
    tidy();
  };
  // arrived is the list of what has arrived; it is made with the first file.
  const arrived = () => {
    const none = document.getElementById("none");
    if (none) {
      const ul = document.createElement("ul");
      ul.id = "list";
      ul.className = "results";
      ul.setAttribute("aria-labelledby", "list-title");
      none.replaceWith(ul);
    }
    return document.getElementById("list");
  };
  const tidy = () => {
    queue.hidden = !list.children.length;
  };
  const refuse = (item, why) => {
    item.state = "refused";
    item.stopped = true;
    item.bar.remove();
    item.pause.remove();
    item.words.className = "bad";
    say(item, why);
  };

  // One file is sent at a time: that is what a telephone's line can do.
  const items = [];
  const forget = (item) => {
    const at = items.indexOf(item);
    if (at >= 0) items.splice(at, 1); // a refused one never was among them
  };
  let busy = false;
  const run = async () => {
    if (busy) return;
    busy = true;
    for (;;) {
      const next = items.find((i) => i.state === "waiting");
      if (!next) break;
      next.state = "sending";
      try {
        await upload(next);
      } catch {
        refuse(next, words.failed);
      }
      if (next.state === "sending") next.state = next.stopped ? "paused" : "done";
    }
    busy = false;
    if (items.length && items.every((i) => i.state === "done")) status.textContent = words["all-done"];
  };

  const button = (text, name) => {
    const b = document.createElement("button");
    b.type = "button";
    b.className = "btn plain";
    b.textContent = text;
    const sr = document.createElement("span");
    sr.className = "sr";
    sr.textContent = " " + name;
    b.append(sr);
    return b;
  };

  const add = async (file) => {
    const node = document.createElement("li");
    const title = document.createElement("h3");
    const state = document.createElement("p");
    const bar = document.createElement("progress");
    const controls = document.createElement("p");
    title.textContent = file.name;
    bar.max = 100;
    bar.value = 0;
    bar.setAttribute("aria-label", file.name);
    node.append(title, state, bar, controls);
    list.append(node);
    queue.hidden = false;
    const item = { file, node, words: state, bar, controls, state: "waiting", stopped: false, offset: 0 };
    item.pause = button(words.pause, file.name);
    const drop = button(words.drop, file.name);
    controls.className = "controls";
    controls.append(item.pause, " ", drop);
    item.pause.addEventListener("click", () => {
      if (item.state === "paused") {
        item.stopped = false;
        item.state = "waiting";
        item.pause.firstChild.textContent = words.pause;
        run();
        return;
      }
      item.stopped = true;
      if (item.state === "waiting") item.state = "paused";
      if (item.request) item.request.abort();
      if (item.wake) item.wake();
      item.pause.firstChild.textContent = words.resume;
      say(item, words.paused);
    });
    drop.addEventListener("click", async () => {
      item.stopped = true;
      if (item.request) item.request.abort();
      if (item.wake) item.wake();
      item.state = "dropped";
      forget(item);
      node.remove();
      tidy();
      input.focus();
      if (item.key) memory.set(item.key, 0);
      if (item.url) await call({}, "DELETE", item.url).catch(() => {}); // it is given up by itself otherwise
    });
    const ending = "." + file.name.split(".").pop().toLowerCase();
    say(item, words.waiting);
    if (!file.size) return refuse(item, words.empty);
    if (file.size > most) return refuse(item, words.large);
    if (!accept.includes(ending)) return refuse(item, words.kind);
    item.state = "asked";
    items.push(item);
    if (await window.evidencePlace.check(file)) await ask(item, node);
    if (item.state !== "asked") return;
    item.state = "waiting";
    run();
  };

  // ask warns that the picture tells where it was taken, and waits for a choice.
  const ask = (item, node) =>
    new Promise((go) => {
      const warning = document.createElement("div");
      const text = document.createElement("p");
      const yes = document.createElement("button");
      const no = document.createElement("button");
      warning.className = "notice warn";
      warning.setAttribute("role", "alert");
      text.textContent = words.place;
      yes.type = no.type = "button";
      yes.className = "btn second";
      no.className = "btn";
      yes.textContent = words["place-send"];
      no.textContent = words["place-drop"];
      const choice = document.createElement("div");
      choice.className = "btns";
      choice.append(no, yes);
      warning.append(text, choice);
      node.append(warning);
      // Until it is answered there is nothing else to do with the file.
      item.bar.hidden = item.words.hidden = item.controls.hidden = true;
      yes.addEventListener("click", () => {
        warning.remove();
        item.bar.hidden = item.words.hidden = item.controls.hidden = false;
        go();
      });
      no.addEventListener("click", () => {
        item.state = "dropped";
        forget(item);
        node.remove();
        tidy();
        input.focus();
        go();
      });
    });

  input.addEventListener("change", () => {
    for (const f of Array.from(input.files)) add(f);
    input.value = "";
  });
  addEventListener("online", () => items.forEach((i) => i.wake && i.wake()));
  addEventListener("beforeunload", (e) => {
    if (items.some((i) => i.state === "sending" || i.state === "waiting")) e.preventDefault();
  });
})();
