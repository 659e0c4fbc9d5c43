// Sends the forms of a page without leaving it before they have arrived: how much of a file is sent is shown, and where the
// line breaks, everything that was typed or chosen stays, with a sentence and a button to send it again. A form is sent once
// at a time; that what comes twice is done once is the daemon's care. Without this script a form is sent as ever.
"use strict";
(() => {
  const words = document.getElementById("sending");
  if (!words || !window.XMLHttpRequest || !window.FormData) return;
  // Without a byte on its way for so long the line is broken, whatever it says itself.
  const SILENT_MS = 60000;
  const SAY_MS = 3000;
  // Who is not signed in any more, what is there already, and what does not fit: the form comes back as it was filled in.
  const SHOWN_AGAIN = [401, 409, 422];

  const isOurs = (form) =>
    form.method === "post" && new URL(form.action, location.href).origin === location.origin &&
    !form.querySelector("[type=password]") && !form.matches(".out");
  const size = (bytes) => (bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} KB` : `${(bytes / 1e6).toFixed(1)} MB`);

  const filled = (text, ...gaps) => text.replace(/\{\}/g, () => gaps.shift());
  const address = (form, by) => (by && by.hasAttribute("formaction") ? by.formAction : form.action);
  const data = (form, by) => {
    const all = new FormData(form);
    if (by && by.name) all.append(by.name, by.value);
    return form.enctype === "multipart/form-data" ? all : new URLSearchParams(all);
  };
  const part = (form) => {
    const old = form.querySelector(".sending");
    if (old) old.remove();
    form.append(words.content.cloneNode(true));
    const now = form.lastElementChild;
    return { bar: now.querySelector("progress"), said: now.querySelector("[role=status]"), bad: now.querySelector("[role=alert]") };
  };

  const failed = (form, by, said, again) => {
    form.removeAttribute("aria-busy");
    const now = part(form);
    // The page has heard meanwhile what became of it, and says that.
    if (document.querySelector("#gone:not([hidden])")) return form.lastElementChild.remove();
    const [ours, theirs] = now.bad.querySelectorAll("p");
    ours.hidden = !again;
    theirs.textContent = said;
    theirs.hidden = !said;
    const button = now.bad.querySelector("button");
    button.hidden = !again;
    button.addEventListener("click", () => send(form, by));
    now.bad.hidden = false;
    now.bad.scrollIntoView({ block: "nearest" });
    now.bad.focus({ preventScroll: true });
  };

  // Nobody chooses files twice: they go over into the form as it comes back.
  const filesOver = (form) => {
    const chosen = [...form.querySelectorAll("[type=file]")].filter((field) => field.files.length > 0);
    const missing = chosen.filter((field) => {
      const place = [...document.querySelectorAll("main [type=file]")].find((one) => one.name === field.name);
      if (place) place.replaceWith(field);
      if (place) field.dispatchEvent(new Event("change", { bubbles: true }));
      return !place;
    });
    if (missing.length > 0) return;
    for (const hint of document.querySelectorAll("[data-files-again]")) hint.remove();
  };

  // Nobody types twice because they pressed the button of another form of the page: what stands in the others comes along.
  const ours = (page) => [...page.querySelectorAll("form[method=post]:not(.out)")];
  const nameOf = (form) => {
    const step = form.querySelector("[type=hidden][name=step]");
    return `${new URL(form.getAttribute("action") || "", location.href).pathname} ${step ? step.value : ""}`;
  };
  const fieldsOf = (form) => [...form.querySelectorAll("input:not([type=hidden]), select, textarea")].filter((field) => field.name);
  const touched = (field) => {
    if (field.type === "file") return field.files.length > 0;
    if (field.matches("[type=checkbox], [type=radio]")) return field.checked !== field.defaultChecked;
    if (!field.matches("select")) return field.value !== field.defaultValue;
    const first = [...field.options].find((option) => option.defaultSelected) || field.options[0];
    return !!first && !first.selected;
  };
  const isFilled = (field) => (field.matches("[type=checkbox], [type=radio]") ? field.checked : field.value !== "");
  // What a form that came back holds was typed, too, though the page brought it.
  const isBack = (form) => !form.closest("[data-live]");
  const typedBeside = (sent) =>
    ours(document).filter((form) => form !== sent).flatMap((form) =>
      fieldsOf(form).map((field, at) => ({ form: nameOf(form), field, at }))
        .filter(({ field }) => touched(field) || (isBack(form) && isFilled(field))));
  const placeOf = (page, { form, field, at }) => {
    const home = ours(page).find((one) => nameOf(one) === form);
    const place = home && fieldsOf(home)[at];
    return place && place.name === field.name ? place : null;
  };
  const putBack = (one) => {
    const [place, field] = [placeOf(document, one), one.field];
    if (!place) return;
    const folded = place.closest("details");
    if (folded) folded.open = true;
    if (field.type === "file") place.replaceWith(field);
    else if (field.matches("[type=checkbox], [type=radio]")) place.checked = field.checked;
    else place.value = field.value;
  };
  const replaced = (page, typed) => {
    document.title = page.title;
    document.body.replaceWith(document.adoptNode(page.body));
    typed.forEach(putBack);
  };

  // What was asked is done, and leads back to this page.
  const showDone = (page, form, typed) => {
    const [top, name] = [scrollY, nameOf(form)];
    replaced(page, typed);
    scrollTo(0, top);
    const same = ours(document).find((one) => nameOf(one) === name);
    const folded = same && same.closest("details");
    const next = folded ? folded.querySelector("summary") : document.querySelector("main h1");
    if (!next) return;
    if (!folded) next.tabIndex = -1;
    next.focus({ preventScroll: true });
  };

  // The page that answers takes the place of this one; the address stays one that can be asked for again.
  const show = (page, form, typed) => {
    replaced(page, typed);
    filesOver(form);
    const first = document.querySelector("main [role=alert]:not([hidden]), main [role=status]:not([hidden]), main h1");
    scrollTo(0, 0);
    if (!first) return;
    first.tabIndex = -1;
    first.focus({ preventScroll: true });
  };

  const answered = (form, by, line) => {
    const typed = typedBeside(form);
    const page = new DOMParser().parseFromString(line.responseText, "text/html");
    const hasRoom = typed.every((one) => placeOf(page, one));
    if (new URL(line.responseURL).href !== address(form, by)) {
      const isHere = line.responseURL === location.href.split("#")[0] && line.status < 400;
      return isHere && typed.length > 0 && hasRoom ? showDone(page, form, typed) : location.assign(line.responseURL);
    }
    const door = document.getElementById("signed-out");
    if (line.status === 401 && typed.length > 0 && door) {
      door.hidden = false;
      return failed(form, by, door.textContent.trim(), true);
    }
    const isPage = !!page.querySelector('link[href*="/page.css"]');
    const why = page.querySelector("main [role=alert]:not([hidden]), main .notice:not([hidden])");
    const said = isPage && why ? why.textContent.trim() : "";
    if (!isPage || line.status >= 500 || line.status === 408 || line.status === 429) return failed(form, by, said, true);
    // Only a page that has what was typed takes the place of the one on which it stands.
    if (line.status < 400 || SHOWN_AGAIN.includes(line.status)) {
      const path = new URL(form.action, location.href).pathname;
      const forms = ours(page).map((one) => one.getAttribute("action") || path);
      const isWhole = hasRoom || line.status === 401;
      if (line.status < 400 || (isWhole && forms.some((one) => one === path || one === "/sign-in"))) return show(page, form, typed);
    }
    failed(form, by, said || page.title, false);
  };

  const send = (form, by) => {
    if (form.getAttribute("aria-busy") === "true") return;
    const body = data(form, by);
    const files = [...form.querySelectorAll("[type=file]")].flatMap((field) => [...field.files]);
    const all = files.reduce((sum, file) => sum + file.size, 0);
    if (all > Number(words.dataset.most)) return failed(form, by, filled(words.dataset.large, size(all), size(Number(words.dataset.most))), false);
    form.setAttribute("aria-busy", "true");
    const now = part(form);
    now.bar.parentElement.hidden = false;
    now.bar.hidden = files.length === 0;
    const line = new XMLHttpRequest();
    let heard = 0, watch = 0;
    const alive = () => {
      clearTimeout(watch);
      watch = setTimeout(() => line.abort(), SILENT_MS);
    };
    line.upload.addEventListener("progress", (moved) => {
      alive();
      if (files.length === 0 || !moved.lengthComputable) return;
      now.bar.max = moved.total;
      now.bar.value = moved.loaded;
      if (Date.now() < heard + SAY_MS && moved.loaded < moved.total) return;
      heard = Date.now();
      const share = Math.floor((moved.loaded / moved.total) * 100);
      now.said.textContent = filled(now.said.dataset.said, size(moved.loaded), size(moved.total), share);
    });
    line.addEventListener("progress", alive);
    for (const end of ["error", "abort", "timeout"]) line.addEventListener(end, () => failed(form, by, "", true));
    line.addEventListener("load", () => answered(form, by, line));
    line.addEventListener("loadend", () => clearTimeout(watch));
    line.open("POST", address(form, by));
    alive();
    line.send(body);
  };

  // A page that a browser kept and brings back is as it was before it was left.
  addEventListener("pageshow", (shown) => {
    if (!shown.persisted) return;
    for (const form of document.querySelectorAll("form[aria-busy]")) form.removeAttribute("aria-busy");
    for (const said of document.querySelectorAll(".sending")) said.remove();
  });
  addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || !isOurs(form)) return;
    event.preventDefault();
    send(form, event.submitter);
  });
})();
