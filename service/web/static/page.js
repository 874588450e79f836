// The one script: streams answers into the page as text, never as markup. Without it every form works as it is.
"use strict";

const BROKEN = "The answer broke off: the connection ended before it was complete. What came stays; the record says how it ended.";

/** How often, and how many milliseconds apart, to look what became of an upload. */
const [LOOKS, PAUSE] = [60, 2000];
const TAKEN = new Set(["taken", "unchanged", "relabelled", "restored"]);

/** Reads server-sent events from a response, and calls `on(name, data)` for each. */
async function readEvents(response, on) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const blocks = rest.split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const lines = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s).slice(0, 2)));
      if (lines.event) on(lines.event, JSON.parse(lines.data));
    }
  }
}

/** One answer on the page: where its text, its sources and its state stand. */
class AnswerView {
  constructor(element) {
    this.element = element;
    this.slot = element.dataset.slot;
    for (const part of ["status", "said", "sources", "why", "receipt"]) {
      this[part] = element.querySelector(`[data-${part}]`);
    }
  }

  begin() {
    this.cited = new Map();
    this.said.replaceChildren();
    this.sources.replaceChildren();
    this.sources.hidden = this.why.hidden = true;
    this.element.classList.remove("abstained");
    this.element.classList.add("busy");
    this.element.setAttribute("aria-busy", "true");
    this.state("Looking for what you may read…");
    this.ended = false;
  }

  state(text, bad = false) {
    this.status.textContent = text;
    this.status.classList.toggle("no", bad);
  }

  end(text, bad = false) {
    this.ended = true;
    this.element.classList.remove("busy");
    this.element.removeAttribute("aria-busy");
    this.state(text, bad);
  }

  event(name, data) {
    if (name === "receipt") {
      this.receipt.textContent = data.id;
      this.why.querySelector("a").href = `/why/${encodeURIComponent(data.id)}?slot=${this.slot}`;
      this.why.hidden = false;
      this.state("Answering…");
    } else if (name === "token") this.say(data.text);
    else if (name === "citation") this.cite(data);
    else if (name === "error") this.end(data.detail, true);
    else if (name === "done") this.done(data);
  }

  /** Appends text; markers like [1] become places that a citation may turn into links. */
  say(text) {
    for (const [index, part] of text.split(/\[(\d{1,3})\]/).entries()) {
      if (!part) continue;
      if (index % 2 === 0) this.said.append(part);
      else this.said.append(this.marker(part));
    }
  }

  marker(number) {
    if (this.cited.has(number)) return this.link(number);
    const place = document.createElement("span");
    place.dataset.n = number;
    place.textContent = `[${number}]`;
    return place;
  }

  link(number) {
    const link = document.createElement("a");
    link.className = "cite";
    link.textContent = number;
    link.href = this.cited.get(number);
    link.setAttribute("aria-label", `Source ${number}`);
    return link;
  }

  cite(data) {
    const number = String(data.number);
    const path = data.document.split("/").map(encodeURIComponent).join("/");
    this.cited.set(number, `/document/${path}?slot=${this.slot}&passage=${data.ordinal}#p${data.ordinal}`);
    for (const place of this.said.querySelectorAll(`span[data-n="${number}"]`)) place.replaceWith(this.link(number));
    const item = document.createElement("li");
    const label = document.createElement("span");
    label.className = "n";
    label.textContent = number;
    const title = document.createElement("a");
    title.textContent = data.title;
    title.href = this.cited.get(number);
    const where = document.createElement("span");
    where.className = "quiet small";
    where.textContent = data.document + (data.page ? `, page ${data.page}` : "");
    item.append(label, title, where);
    item.dataset.document = data.document;
    item.dataset.title = data.title;
    this.sources.append(item);
    this.sources.hidden = false;
  }

  done(data) {
    const nothing = data.outcome === "denied" || data.abstained;
    this.element.classList.toggle("abstained", nothing);
    if (data.outcome === "denied") this.end("Nothing that you may read was found; the model was not asked.");
    else if (data.abstained) this.end("No answer: nothing that you may read answers this.");
    else if (data.outcome === "truncated") this.end("The answer ends before it is complete, and the record says so.", true);
    else this.end("Complete.");
  }

  /** Asks, and shows the answer as it comes. Resolves when it is over, however it ended. */
  async ask(question, signal) {
    this.begin();
    try {
      const response = await fetch(`/ask/stream?slot=${this.slot}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ question }),
        signal,
      });
      if (!response.ok) {
        const problem = await response.json().catch(() => ({}));
        if (response.status === 401) return this.end("Your sign-in has ended. Sign in again, and ask again.", true);
        return this.end(problem.detail || "The question could not be asked.", true);
      }
      await readEvents(response, (name, data) => this.event(name, data));
      if (!this.ended) this.end(BROKEN, true);
    } catch (error) {
      if (signal.aborted) this.end("Stopped. The model’s stream is closed, and the record says how the answer ended.");
      else this.end(this.receipt.textContent && !this.why.hidden ? BROKEN : "The server cannot be reached.", true);
    }
  }
}

/** A form with `data-ask` fills every answer on its page at once: one on Ask, two on Compare. */
function enhance(form) {
  const views = [...document.querySelectorAll("[data-answer]")].map((each) => new AnswerView(each));
  const [go, stop, question] = [form.querySelector(".go"), form.querySelector("[data-stop]"), form.elements.question];
  let asking = null;
  stop.addEventListener("click", () => asking?.abort());
  window.addEventListener("pagehide", () => asking?.abort());
  question.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (asking || !question.value.trim()) return;
    asking = new AbortController();
    go.disabled = true;
    stop.hidden = false;
    if ("shared" in form.dataset) {
      const address = new URL(location.href);
      address.searchParams.set("q", question.value);
      history.replaceState(null, "", address);
    }
    await Promise.all(views.map((view) => view.ask(question.value, asking.signal)));
    asking = null;
    go.disabled = false;
    stop.hidden = true;
    document.dispatchEvent(new CustomEvent("answered", { detail: views }));
  });
}

/** Reads a file as base64, as the API takes it. */
function contentOf(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

/** Sends one file, and says at each moment where it stands. */
async function sendFile(file, name, fields, slot, say) {
  say("reading", 0.1);
  const body = JSON.stringify({ fields, content: await contentOf(file) });
  say("sending", 0.3);
  const path = name.split("/").map(encodeURIComponent).join("/");
  const response = await fetch(`/documents/upload/${path}?slot=${slot}`, { method: "PUT", headers: { "Content-Type": "application/json" }, body });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) return say(answer.detail || "It could not be sent.", 1, true);
  if (answer.outcome !== "staged") return say("in: it can be asked about now", 1);
  for (let look = 0; look < LOOKS; look += 1) {
    say("allowed, and waiting to be taken in", 0.6);
    await new Promise((wake) => setTimeout(wake, PAUSE));
    const seen = await fetch(`/documents/upload/${encodeURIComponent(answer.upload)}?slot=${slot}`);
    if (!seen.ok) continue;
    const { state, reason } = await seen.json();
    if (TAKEN.has(state)) return say("in: it can be asked about now", 1);
    if (state !== "waiting") return say(`${state}: ${reason || "no reason is given"}`, 1, true);
  }
  return say("still waiting; look at the list later", 1);
}

/** The form that brings documents: several files, each with its own progress and outcome. */
function uploads(form) {
  const [files, list, name, text] = [form.querySelector("#files"), form.querySelector("[data-outcomes]"), form.elements.name, form.elements.text];
  form.querySelector("[data-files]").hidden = false;
  form.addEventListener("submit", async (event) => {
    if (!files.files.length) return;
    event.preventDefault();
    const fields = Object.fromEntries([...new FormData(form)].filter(([key, value]) => typeof value === "string" && !["name", "text"].includes(key)));
    const folder = name.value.trim().replace(/\/+$/, "");
    for (const file of files.files) {
      const item = document.createElement("li");
      const [label, bar, state] = ["span", "progress", "span"].map((tag) => document.createElement(tag));
      label.textContent = `${folder}/${file.name} `;
      bar.max = 1;
      bar.setAttribute("aria-label", file.name);
      item.append(label, bar, state);
      list.append(item);
      const say = (words, done, bad = false) => {
        bar.value = done;
        state.textContent = ` ${words}`;
        state.classList.toggle("no", bad);
      };
      await sendFile(file, `${folder}/${file.name}`, fields, form.dataset.slot, say).catch(() => say("the server cannot be reached", 1, true));
    }
    files.value = "";
  });
}

/** On Compare, when both answers are over: which documents only one of them cites. */
document.addEventListener("answered", ({ detail: views }) => {
  const both = document.querySelector("[data-both]");
  if (!both || views.length < 2) return;
  // Two companies may have documents of one id: they are two documents.
  const name = (view, document) => `${view.element.closest("[data-tenant]").dataset.tenant}/${document}`;
  const titles = views.map((view) => new Map([...view.sources.children].map((each) => [name(view, each.dataset.document), each.dataset.title])));
  const list = (documents) => documents.join(", ") || "nothing";
  views.forEach((view, index) => {
    const other = titles[1 - index];
    const own = [...titles[index]].filter(([document]) => !other.has(document)).map(([, title]) => title);
    document.querySelector(`[data-only="${view.slot}"]`).textContent = list(own);
  });
  both.textContent = list([...titles[0]].filter(([document]) => titles[1].has(document)).map(([, title]) => title));
});

for (const form of document.querySelectorAll("form[data-upload]")) uploads(form);
for (const form of document.querySelectorAll("form[data-ask]")) enhance(form);
