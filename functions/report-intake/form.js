// What a page of the form does beyond its buttons: it keeps what was typed when
// the page is put away, and checks numbers at once. Nothing is kept on the device.
'use strict';
(function () {
  var form = document.querySelector('form[data-save]');
  if (!form || !window.fetch || !window.URLSearchParams) return;
  var sent = false, before = '', under = null;

  function fields() {
    var out = new URLSearchParams(new FormData(form));
    out.delete('go');
    return out;
  }
  function save() {
    if (sent) return;
    var body = fields(), now = body.toString();
    if (now === before) return;
    before = now;
    body.append('go', 'save');
    under = window.AbortController ? new AbortController() : null;
    fetch(form.action, {method: 'POST', body: body, keepalive: now.length < 60000, credentials: 'same-origin', signal: under ? under.signal : undefined}).catch(function () { before = ''; });
  }
  before = fields().toString();
  form.addEventListener('submit', function () {
    sent = true;
    if (under) under.abort();
  });
  window.addEventListener('pageshow', function () { sent = false; });
  document.addEventListener('visibilitychange', function () {
    if (document.visibilityState === 'hidden') save();
  });
  window.setInterval(save, 20000);

  var numbers = document.getElementById('f-numbers'), live = document.getElementById('numbers-live');
  if (numbers && live) {
    numbers.addEventListener('change', function () {
      var list = numbers.value.split(/[\r\n,，;；、]+/).map(function (s) { return s.trim(); }).filter(Boolean).slice(0, 50);
      if (!list.length) { live.textContent = ''; return; }
      fetch(live.dataset.check, {method: 'POST', headers: {'Content-Type': 'application/json', 'Accept': 'application/json'}, credentials: 'same-origin', body: JSON.stringify({numbers: list})})
        .then(function (r) { return r.ok ? r.json() : {results: []}; })
        .then(function (said) {
          live.textContent = '';
          said.results.forEach(function (x) {
            var p = document.createElement('p');
            if (!x.ok) p.className = 'no';
            p.textContent = x.ok ? x.message : x.number + ' – ' + x.message;
            live.appendChild(p);
          });
        }).catch(function () {});
    });
  }
}());
