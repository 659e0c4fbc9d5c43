// Says on a form for a new case, as soon as what the case is known by is filled in, that there is one already. Nothing is changed by
// asking, and only these fields are sent. Without this script it is said when the form is sent.
"use strict";
(() => {
  let asked = "";
  const look = async (form) => {
    const all = new URLSearchParams();
    for (const name of form.dataset.same.split(" ")) {
      for (const field of form.querySelectorAll(`[name="${CSS.escape(name)}"]`)) {
        if (!field.matches("[type=radio], [type=checkbox]") || field.checked) all.append(name, field.value);
      }
    }
    const said = all.toString();
    if (said === asked) return;
    asked = said;
    try {
      const answer = await fetch(form.dataset.look, { method: "POST", body: all, redirect: "error" });
      if (!answer.ok || said !== asked) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const [now, then] = [form.querySelector("#same"), page.querySelector("#same")];
      if (!now || !then) return;
      now.replaceChildren(...[...then.childNodes].map((node) => document.adoptNode(node)));
      const button = "button[type=submit]:not([formaction])";
      form.querySelector(button).textContent = page.querySelector(`form[data-same] ${button}`).textContent;
    } catch {
      // The line is gone: it is asked when the form is sent.
      asked = "";
    }
  };
  addEventListener("change", (event) => {
    const form = event.target.form;
    if (form && form.dataset.same && form.dataset.same.split(" ").includes(event.target.name)) look(form);
  });
})();
