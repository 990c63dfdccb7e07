// Shows how far a long upload has come. Without this file the form works all
// the same; the browser then shows its own progress.
(() => {
  const form = document.getElementById("upload");
  const box = document.getElementById("progress");
  if (!form || !box || !window.FormData) return;
  const button = form.querySelector("button");
  const words = box.querySelector("p");
  const bar = box.querySelector("progress");
  const address = new URL(form.action);
  // Back from the next page the button works again.
  addEventListener("pageshow", () => (button.disabled = false));

  const stop = (message) => {
    button.disabled = false;
    bar.hidden = true;
    words.textContent = message;
  };
  form.addEventListener("submit", (event) => {
    const file = form.querySelector("input[type=file]").files[0];
    if (!file || file.size < 1 << 20) {
      // Over before anybody could read it. The button is kept from a second
      // click, but only once the form is on its way.
      setTimeout(() => (button.disabled = true));
      return;
    }
    event.preventDefault();
    button.disabled = true;
    box.hidden = bar.hidden = false;
    bar.value = 0;
    words.textContent = form.dataset.sending;
    const request = new XMLHttpRequest();
    request.open("POST", address);
    request.setRequestHeader("Accept", "application/json");
    request.upload.onprogress = (e) => {
      if (!e.lengthComputable) return;
      bar.value = (100 * e.loaded) / e.total;
      if (e.loaded === e.total) {
        words.textContent = form.dataset.working;
        bar.removeAttribute("value");
      }
    };
    request.onload = () => {
      let answer = {};
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        // not ours: told below
      }
      if (!answer.id) {
        stop([answer.detail || form.dataset.cut, ...(answer.errors || []).map((e) => e.message)].filter((s, i, all) => all.indexOf(s) === i).join(" "));
        return;
      }
      const to = new URL(address);
      to.pathname += "/" + answer.id;
      to.searchParams.delete("ticket");
      location.assign(to);
    };
    request.onerror = () => stop(form.dataset.cut);
    request.send(new FormData(form));
  });
})();
