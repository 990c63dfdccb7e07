/* <ip-credit code="统一社会信用代码" lang="zh|en">fallback link or text</ip-credit>
   Shows the subject's present credit state. Sets no cookie, sends no referrer,
   writes text only. What stands inside the element is shown until an answer has
   come, and stays when none comes. */
(function () {
  "use strict";
  if (!window.customElements || customElements.get("ip-credit")) return;

  // The script's own address says where the answers are:
  // …/function/credit-lookup/widget/1.js or …/function/credit-lookup/widget.js
  var src = document.currentScript && document.currentScript.src;
  var base = src && src.replace(/[?#].*$/, "").replace(/widget(\/\d+)?\.js$/, "");
  if (!base || base === src) return;

  var notes = {
    zh: "无失信公示不等于评价、推荐或担保；以作出机关公布为准。",
    en: "No disclosed record is no rating, endorsement or guarantee. The deciding body’s own publication prevails."
  };
  // Only colours from this list are used, whatever an answer says. Each has a
  // contrast of at least 4.5:1 to white.
  var colours = {
    brightgreen: "#0b6b3a", green: "#0b6b3a", success: "#0b6b3a",
    red: "#a61b1f", critical: "#a61b1f", orange: "#8a4b00", important: "#8a4b00",
    blue: "#0e4a86", informational: "#0e4a86"
  };
  var css =
    ":host{display:inline-block;max-width:100%;font:1rem/1.6 -apple-system,'Segoe UI','PingFang SC','Microsoft YaHei','Noto Sans CJK SC',sans-serif}" +
    "a{display:inline-flex;flex-wrap:wrap;border-radius:4px;overflow:hidden;text-decoration:none;border:1px solid #17212b}" +
    "a:hover .state,a:focus .state{text-decoration:underline}" +
    "a:focus-visible{outline:3px solid #ffbf2e;outline-offset:2px}" +
    ".label{background:#fff;color:#17212b;padding:.1em .6em}" +
    ".state{background:#4a5663;color:#fff;padding:.1em .7em;font-weight:700}" +
    ".note{display:block;font-size:.8125rem;color:inherit;margin-top:.25em}";

  function normal(code) {
    code = String(code || "");
    if (code.normalize) code = code.normalize("NFKC");
    code = code.replace(/\s/g, "").toUpperCase();
    return /^[0-9A-HJ-NP-RT-UW-Y]{18}$/.test(code) ? code : "";
  }

  function element(name, className, text) {
    var e = document.createElement(name);
    if (className) {
      e.className = className;
      e.setAttribute("part", className);
    }
    if (text) e.appendChild(document.createTextNode(text));
    return e;
  }

  class Credit extends HTMLElement {
    static get observedAttributes() { return ["code", "lang"]; }

    constructor() {
      super();
      this.turn = 0;
      this.root = this.attachShadow({ mode: "open" });
      try {
        // A constructed sheet is allowed where the page forbids inline styles.
        var sheet = new CSSStyleSheet();
        sheet.replaceSync(css);
        this.root.adoptedStyleSheets = [sheet];
      } catch (e) { /* unstyled, but all there */ }
      this.fallBack();
    }

    connectedCallback() { this.load(); }
    attributeChangedCallback() { if (this.isConnected) this.load(); }

    fallBack() {
      this.root.replaceChildren(document.createElement("slot"));
      this.removeAttribute("data-state");
    }

    load() {
      var turn = ++this.turn, self = this;
      var code = normal(this.getAttribute("code"));
      var lang = /^en\b/i.test(this.getAttribute("lang") || "") ? "en" : "zh";
      if (!code || !window.fetch) { this.fallBack(); return; }
      fetch(base + "badge/" + code + ".json?lang=" + lang, {
        mode: "cors", credentials: "omit", referrerPolicy: "no-referrer", headers: { Accept: "application/json" }
      }).then(function (answer) {
        return answer.json();
      }).then(function (badge) {
        if (turn !== self.turn) return;
        if (!badge || typeof badge.message !== "string" || typeof badge.label !== "string") throw new Error("no badge");
        self.show(code, lang, badge);
      }).catch(function () {
        if (turn === self.turn) self.fallBack();
      });
    }

    show(code, lang, badge) {
      var link = element("a", "link");
      link.href = base + "subjects/" + code + "?lang=" + lang;
      link.target = "_blank";
      link.rel = "noopener";
      link.lang = lang === "en" ? "en" : "zh-CN";
      link.appendChild(element("span", "label", badge.label));
      var state = element("span", "state", badge.message);
      if (Object.prototype.hasOwnProperty.call(colours, badge.color)) state.style.backgroundColor = colours[badge.color];
      link.appendChild(state);
      var note = element("span", "note", notes[lang]);
      note.lang = link.lang;
      this.root.replaceChildren(link, note);
      this.setAttribute("data-state", badge.isError ? "error" : "shown");
    }
  }

  customElements.define("ip-credit", Credit);
})();
