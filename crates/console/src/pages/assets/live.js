// Keeps the parts of a page that say `data-live` as the daemon has them. It hears that something changed, asks for the page
// again, and changes what is different: what somebody typed, ticked or opened stays, and so does what has the focus.
"use strict";
(() => {
  const watched = document.querySelector("[data-watch]");
  if (!watched || !window.EventSource || !window.Idiomorph) return;
  const AGAIN_MS = 1000;
  const RETRY_MS = 30000;
  // A line that is back by then was never away.
  const AWAY_MS = 5000;
  const WORDS = ["refresh", "run", "tasks", "house"];
  let stream = null, asking = false, again = false, over = false, away = 0;

  // Not sent yet: what was typed, chosen or ticked, and what somebody is at.
  const touched = (field) => {
    if (field === document.activeElement) return true;
    if (field.matches("select")) {
      const chosen = [...field.options].find((option) => option.defaultSelected) || field.options[0];
      return !!chosen && !chosen.selected;
    }
    if (field.matches("[type=checkbox], [type=radio]")) return field.checked !== field.defaultChecked;
    return field.value !== field.defaultValue;
  };
  const isField = (node) => node.nodeType === Node.ELEMENT_NODE && node.matches("input:not([type=hidden]), select, textarea");
  const holdsWords = (node) =>
    node.nodeType === Node.ELEMENT_NODE &&
    [node, ...node.querySelectorAll("*")].some((one) => isField(one) && !one.matches("[type=checkbox]") && touched(one));
  // A form that is on its way, and what is said of it.
  const isUnderWay = (node) => node.nodeType === Node.ELEMENT_NODE && node.matches("form[aria-busy=true], .sending");
  const rules = {
    ignoreActiveValue: true,
    callbacks: {
      beforeNodeMorphed: (node) => !(isField(node) && touched(node)) && !isUnderWay(node),
      // A row that is gone takes its tick along; what was written stays to be copied.
      beforeNodeRemoved: (node) => !holdsWords(node) && !isUnderWay(node),
      beforeAttributeUpdated: (name, node) => !(name === "open" && node.localName === "details"),
    },
  };

  const signedOut = () => {
    over = true;
    if (stream) stream.close();
    const said = document.getElementById("signed-out");
    if (said) said.hidden = false;
  };

  // What the page is of is over, or somebody else's now: it says so and takes no more of it; what was typed stays to be copied.
  const gone = (status, page) => {
    const [place, said] = [document.getElementById("gone"), page.querySelector("main .notice")];
    if (status >= 500 || !place || !said) return;
    over = true;
    if (stream) stream.close();
    place.replaceChildren(...[...said.childNodes].map((node) => document.adoptNode(node)));
    place.hidden = false;
    for (const acts of document.querySelectorAll("main .acts")) if (!holdsWords(acts)) acts.remove();
    // That something did not arrive is not said beside what came of it; a form that is under way still hears its own answer.
    for (const said of document.querySelectorAll("form:not([aria-busy]) .sending")) said.remove();
    for (const button of document.querySelectorAll("main form[method=post] button")) button.remove();
  };

  const look = async () => {
    if (over) return;
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    try {
      const answer = await fetch(location.href, { headers: { "x-yizhan-again": "1" }, cache: "no-store" });
      if (answer.redirected) return signedOut();
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      // A page that follows nothing any more is of something that is over.
      if (!answer.ok || !page.querySelector("[data-watch]")) return gone(answer.status, page);
      for (const part of document.querySelectorAll("[data-live]")) {
        const now = page.getElementById(part.id);
        if (now) Idiomorph.morph(part, document.adoptNode(now), rules);
      }
      // The page that stands here now may have come in answer to a form.
      const shown = document.querySelector("[data-watch]") || watched;
      shown.dataset.looked = Number(shown.dataset.looked || 0) + 1;
    } catch {
      // The line is gone. When the stream stands again it says so, and the page looks again.
    } finally {
      asking = false;
      if (again) {
        again = false;
        setTimeout(look, AGAIN_MS);
      }
    }
  };

  // What stands here may be old: nobody is to take it for what is.
  const isThere = () => {
    clearTimeout(away);
    away = 0;
    const said = document.getElementById("away");
    if (said) said.hidden = true;
  };
  const isAway = () => {
    if (away) return;
    away = setTimeout(() => {
      away = 0;
      const said = document.getElementById("away");
      if (said && !over && !document.hidden) said.hidden = false;
    }, AWAY_MS);
  };

  // A browser has few lines to one house: a page that nobody sees holds none.
  const follow = () => {
    if (over || document.hidden || stream) return;
    stream = new EventSource(watched.dataset.watch);
    for (const word of WORDS) stream.addEventListener(word, look);
    stream.onopen = isThere;
    stream.onerror = () => {
      isAway();
      if (!stream || stream.readyState !== EventSource.CLOSED) return;
      leave();
      look();
      setTimeout(follow, RETRY_MS);
    };
  };
  const leave = () => {
    if (stream) stream.close();
    stream = null;
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? leave() : follow()));
  addEventListener("pagehide", leave);
  addEventListener("pageshow", follow);
  follow();
})();
