// Keeps the progress of a batch up to date without moving the page. Without this
// file the page has a link that does it.
(() => {
  const live = document.getElementById("live");
  if (!live || new URL(location).searchParams.has("refresh")) return;
  const look = async () => {
    try {
      const answer = await fetch(location, { headers: { Accept: "text/html" } });
      if (!answer.ok) return; // signed out, or too often: the link stays
      const now = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
      if (!now) {
        location.reload();
        return;
      }
      live.replaceChildren(...now.childNodes);
    } catch {
      // no connection for the moment
    }
    setTimeout(look, 2000);
  };
  setTimeout(look, 2000);
})();
