// Mamori: what the script adds to pages that work without it. Everything hangs on data attributes;
// docs/components.md says which. No word for people stands here: say(NAME) reads
// data-text-NAME of <body>, which the shell fills with `script-NAME` of locales/*/script.ftl
// (the list is assets::SCRIPT_TEXTS). %count% and the like are filled in.
(() => {
  'use strict';

  const body = document.body;
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const on = (target, names, act, options) => names.split(' ').forEach((name) => target.addEventListener(name, act, options));
  const later = (act, wait) => {
    let handle;
    return (...given) => {
      clearTimeout(handle);
      handle = setTimeout(act, wait, ...given);
    };
  };

  function say(name, values = {}) {
    const text = body.getAttribute(`data-text-${name}`) || '';
    return Object.entries(values).reduce((done, [key, value]) => done.replaceAll(`%${key}%`, value), text);
  }

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  // A browser may forbid storage altogether.
  const store = {
    get(key) {
      try { return JSON.parse(localStorage.getItem(`mamori:${key}`)); } catch { return null; }
    },
    set(key, value) {
      try { localStorage.setItem(`mamori:${key}`, JSON.stringify(value)); } catch { /* then nothing is kept */ }
    },
    drop(key) {
      try { localStorage.removeItem(`mamori:${key}`); } catch { /* nothing was kept */ }
    },
    keys(prefix) {
      try {
        return Object.keys(localStorage).filter((key) => key.startsWith(`mamori:${prefix}`)).map((key) => key.slice(7));
      } catch { return []; }
    },
  };
  const person = body.dataset.person || '';

  // One region speaks for everything.
  const region = document.querySelector('[data-announce]')
    || body.appendChild(make('div', { class: 'toasts', role: 'status', 'aria-live': 'polite' }));
  function announce(text, seen = false) {
    if (!text) return;
    const line = make('p', { class: seen ? 'toast' : 'visually-hidden' }, text);
    region.append(line);
    setTimeout(() => line.remove(), 8000);
  }

  // Data tables: the same address is fetched, and only the table is put in.
  const tables = () => all('[data-table][id]');
  let shown = location.pathname + location.search;
  let fetching;
  async function load(table, address, { push, whole, focus } = {}) {
    fetching?.abort();
    fetching = new AbortController();
    table.setAttribute('aria-busy', 'true');
    try {
      const answer = await fetch(address, { headers: { accept: 'text/html' }, signal: fetching.signal });
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const fresh = page.getElementById(table.id);
      const moved = answer.redirected && new URL(answer.url).pathname !== location.pathname;
      if (!answer.ok || moved || !fresh) return location.assign(address);
      const part = '[data-table-result]';
      const [old, next] = whole ? [table, fresh] : [table.querySelector(part), fresh.querySelector(part)];
      old.replaceWith(next);
      table.removeAttribute('aria-busy');
      enhance(next);
      const now = new URL(answer.url);
      shown = now.pathname + now.search;
      if (push) history.pushState(null, '', shown);
      if (focus) {
        (next.querySelector(`[data-stay="${CSS.escape(focus)}"]`) || next.querySelector('.table') || next).focus();
        if (next.getBoundingClientRect().top < 0) next.scrollIntoView();
      }
      announce(next.querySelector('[data-count]')?.textContent.trim());
    } catch (error) {
      if (error.name === 'AbortError') return undefined;
      table.removeAttribute('aria-busy');
      announce(say('table-failed'), true);
    }
    return undefined;
  }
  on(document, 'click', (event) => {
    const link = event.target.closest?.('[data-table] a[data-stay]');
    if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    load(link.closest('[data-table]'), link.href, { push: true, focus: link.dataset.stay });
  });
  function filter(form) {
    const wanted = [...new FormData(form)].filter(([, value]) => value !== '');
    const address = new URL(form.getAttribute('action') || location.pathname, location.href);
    address.search = new URLSearchParams(wanted);
    load(form.closest('[data-table]'), address.href, { push: true });
  }
  on(document, 'submit', (event) => {
    if (!event.target.matches('[data-table] form[data-filter]')) return;
    event.preventDefault();
    filter(event.target);
  });
  const filterSoon = later(filter, 400);
  on(document, 'input', (event) => {
    const form = event.target.closest?.('[data-table] form[data-filter]');
    if (form && !event.isComposing && event.target.matches('select, [type=search]')) filterSoon(form);
  });
  on(window, 'popstate', () => {
    if (location.pathname + location.search === shown) return;
    const [table] = tables();
    if (table) load(table, location.href, { whole: true });
    else location.reload();
  });

  // Forms: sent once, never into the void, and what was typed is kept until it has arrived.
  let leaving = false;
  let waiting = null;
  const reached = new WeakSet();
  const bar = make('div', { class: 'offline-bar', role: 'alert', hidden: '' });
  body.prepend(bar);
  function tell(text) {
    bar.hidden = !text;
    if (bar.textContent !== text) bar.textContent = text;
  }
  const reachable = () => fetch('/healthz', { cache: 'no-store', signal: AbortSignal.timeout(4000) }).then(() => true, () => false);
  function hold(form, submitter) {
    waiting = { form, submitter };
    tell(say('offline-wait'));
  }
  async function retry() {
    if (!waiting || !(await reachable()) || !waiting) return;
    const { form, submitter } = waiting;
    waiting = null;
    tell('');
    reached.add(form);
    form.requestSubmit(submitter);
  }
  setInterval(retry, 5000);
  on(window, 'offline', () => tell(waiting ? say('offline-wait') : say('offline')));
  on(window, 'online', () => {
    tell('');
    announce(say('online'), true);
    retry();
  });
  if (!navigator.onLine) tell(say('offline'));
  on(document, 'input', (event) => {
    if (waiting?.form.contains(event.target)) {
      waiting = null;
      tell(say('offline'));
    }
  });

  const buttons = (form) => [...form.elements].filter((one) => one.type === 'submit');
  function release(form) {
    delete form.dataset.busy;
    reached.delete(form);
    for (const button of buttons(form)) button.removeAttribute('aria-disabled');
  }
  on(document, 'submit', (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.getAttribute('method') !== 'post') return;
    const { submitter } = event;
    if (form.dataset.busy) return event.preventDefault();
    if (!navigator.onLine) {
      event.preventDefault();
      return hold(form, submitter);
    }
    // Even a browser that is online may reach nothing: its error page would take the typed text's place.
    if (!reached.has(form)) {
      event.preventDefault();
      form.dataset.busy = 'asking';
      return reachable().then((yes) => {
        delete form.dataset.busy;
        if (!yes) return hold(form, submitter);
        reached.add(form);
        return form.requestSubmit(submitter);
      });
    }
    leaving = true;
    form.dataset.busy = 'sent';
    // A button without an action of its own answers with the address of the page.
    const to = new URL(submitter?.hasAttribute('formaction') ? submitter.formAction : form.action).pathname;
    sendAgain(to, form.dataset.carried || person);
    if (form.dataset.draft) keepDraft(form, tab, to);
    if (form.getAttribute('action') === '/sign-out') store.keys(`draft:${person}:`).forEach(store.drop);
    for (const button of buttons(form)) button.setAttribute('aria-disabled', 'true');
    announce(say('busy'));
    // An answer that is a file leaves this page standing.
    setTimeout(() => {
      leaving = false;
      release(form);
    }, 15000);
    return undefined;
  });
  on(window, 'pageshow', (event) => {
    if (!event.persisted) return;
    leaving = false;
    all('form[data-busy]').forEach(release);
  });

  // Drafts
  const WEEK = 7 * 24 * 3600 * 1000;
  const tab = (() => {
    try {
      const had = sessionStorage.getItem('mamori:tab');
      if (had) return had;
      const made = crypto.getRandomValues(new Uint32Array(2)).join('-');
      sessionStorage.setItem('mamori:tab', made);
      return made;
    } catch { return '-'; }
  })();
  const draftKey = (form) => `draft:${person}:${form.dataset.draft}`;
  const typed = (form) => [...form.elements].filter((one) =>
    one.name && !['password', 'file', 'hidden', 'submit', 'button', 'reset', 'fieldset', 'output'].includes(one.type)
      && !one.closest('[data-no-draft]') && one.autocomplete !== 'one-time-code');
  const isTick = (one) => one.type === 'checkbox' || one.type === 'radio';
  const snapshot = (form) => typed(form).map((one) => [one.name, isTick(one) ? [one.value, one.checked] : one.value]);
  const first = new WeakMap();
  const isChanged = (form) => first.has(form) && first.get(form) !== JSON.stringify(snapshot(form));
  function keepDraft(form, sent, to) {
    if (sent || isChanged(form)) store.set(draftKey(form), { at: Date.now(), sent, to, values: snapshot(form) });
    else if (!form.draftOffered) store.drop(draftKey(form));
  }
  function restore(form, values) {
    const left = [...values];
    for (const one of typed(form)) {
      const at = left.findIndex(([name, value]) => name === one.name && (!isTick(one) || value[0] === one.value));
      if (at < 0) continue;
      const [[, value]] = left.splice(at, 1);
      if (isTick(one)) one.checked = value[1];
      else one.value = value;
      one.dispatchEvent(new Event('input', { bubbles: true }));
    }
  }
  // What was refused, or carried along by the sign-in, is on its way again.
  function sendAgain(path, whose) {
    for (const key of store.keys(`draft:${whose}:`)) {
      const draft = store.get(key);
      if (draft?.to === path) store.set(key, { ...draft, sent: tab });
    }
  }
  // What was sent from this tab has arrived when it led to this page, and this page is neither a
  // refusal nor the sign-in. Coming back from the browser's own error page leads here otherwise.
  function settleDrafts() {
    const { responseStatus: status = 200, type = 'navigate' } = performance.getEntriesByType('navigation')[0] || {};
    const led = type === 'navigate' && document.referrer.startsWith(`${location.origin}/`);
    const refused = !led || status >= 400 || document.querySelector('[data-problem], [data-error-summary], [aria-invalid=true], .sign-in [autocomplete=current-password]');
    for (const key of store.keys('draft:')) {
      const draft = store.get(key);
      if (!draft || draft.at < Date.now() - WEEK || (draft.sent === tab && !refused)) store.drop(key);
      else if (draft.sent === tab) store.set(key, { ...draft, sent: undefined });
    }
  }
  function offerDraft(form) {
    const given = JSON.stringify(snapshot(form));
    // What a refusal gives back is typed text, not an empty form.
    first.set(form, form.querySelector('[aria-invalid=true]') || document.querySelector('[data-error-summary]') ? '' : given);
    // Not once it is on its way: the mark of what was sent, or signing out, has the last word.
    const keep = later(() => leaving || keepDraft(form), 300);
    on(form, 'input change', keep);
    const draft = store.get(draftKey(form));
    if (!draft || JSON.stringify(draft.values) === given) return;
    form.draftOffered = true;
    const box = make('div', { class: 'notice info draft', role: 'status' });
    const done = (text) => {
      form.draftOffered = false;
      box.remove();
      announce(text, true);
      typed(form)[0]?.focus();
    };
    const button = (text, kind, act) => {
      const made = make('button', { type: 'button', class: `button ${kind}` }, text);
      made.onclick = act;
      return made;
    };
    box.append(make('div', {}, make('p', {}, say('draft-found', { at: moment(draft.at) })), make('p', { class: 'actions' },
      button(say('draft-keep'), 'secondary', () => {
        restore(form, draft.values);
        done(say('draft-restored'));
      }),
      button(say('draft-drop'), 'quiet', () => {
        store.drop(draftKey(form));
        done('');
      }))));
    form.before(box);
  }
  on(window, 'beforeunload', (event) => {
    if (!leaving && all('form[data-draft]').some(isChanged)) event.preventDefault();
  });
  on(window, 'pagehide', () => {
    if (!leaving) all('form[data-draft]').filter(isChanged).forEach((form) => keepDraft(form));
  });

  // Fields
  const tokyo = (options) => new Intl.DateTimeFormat(document.documentElement.lang || 'ja', { timeZone: 'Asia/Tokyo', ...options });
  const moment = (at) => tokyo({ dateStyle: 'medium', timeStyle: 'short' }).format(at);
  function countLetters(area, note) {
    const most = Number(area.dataset.most);
    const left = most - [...area.value.replaceAll('\r\n', '\n')].length;
    const text = left < 0 ? say('chars-over', { count: -left, most }) : say('chars-left', { count: left });
    note.textContent = text;
    note.classList.toggle('over', left < 0);
    area.setCustomValidity(left < 0 ? text : '');
  }
  function echoDay(input, note) {
    const day = input.valueAsDate;
    const english = document.documentElement.lang === 'en';
    const parts = { timeZone: 'UTC', year: 'numeric', month: 'long', day: 'numeric', weekday: 'short', ...(english ? {} : { era: 'long' }) };
    note.textContent = day ? new Intl.DateTimeFormat(english ? 'en' : 'ja-JP-u-ca-japanese', parts).format(day).replace(/\((.)\)/, '（$1）') : '';
  }
  function upload(box) {
    const input = box.querySelector('input[type=file]');
    const [list, note] = [make('ul', { class: 'chosen' }), make('p', { class: 'error', role: 'alert' })];
    box.append(note, list);
    const most = Number(box.dataset.mostBytes) || Infinity;
    const kinds = input.accept.toLowerCase().split(',').map((kind) => kind.trim()).filter(Boolean);
    const fits = (file) => !kinds.length || kinds.some((kind) => (kind.startsWith('.')
      ? file.name.toLowerCase().endsWith(kind) : kind.endsWith('/*') ? file.type.startsWith(kind.slice(0, -1)) : file.type === kind));
    const size = (bytes) => (bytes < 1e6 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
    const check = () => {
      const files = [...input.files];
      list.replaceChildren(...files.map((file) => make('li', {}, make('bdi', {}, file.name), ` ${size(file.size)}`)));
      const big = files.find((file) => file.size > most);
      const odd = files.find((file) => !fits(file));
      const text = big ? say('file-too-big', { name: big.name, most: size(most) }) : odd ? say('file-wrong-type', { name: odd.name }) : '';
      note.textContent = text;
      input.setCustomValidity(text);
    };
    on(input, 'change', check);
    on(box, 'dragover dragenter', (event) => {
      event.preventDefault();
      box.classList.add('over');
    });
    on(box, 'dragleave drop', () => box.classList.remove('over'));
    on(box, 'drop', (event) => {
      event.preventDefault();
      const given = new DataTransfer();
      [...event.dataTransfer.files].slice(0, input.multiple ? undefined : 1).forEach((file) => given.items.add(file));
      input.files = given.files;
      check();
    });
  }

  // Dialogs: a section of the page becomes one; its links open it.
  function dialog(section) {
    const box = make('dialog', { id: section.id, class: 'dialog' });
    if (section.hasAttribute('aria-labelledby')) box.setAttribute('aria-labelledby', section.getAttribute('aria-labelledby'));
    const close = make('button', { type: 'button', class: 'button quiet close' }, say('close'));
    close.onclick = () => box.close();
    box.append(...section.childNodes, close);
    section.replaceWith(box);
    if (box.querySelector('[aria-invalid=true]') || location.hash === `#${box.id}`) box.showModal();
  }
  on(document, 'click', (event) => {
    const opener = event.target.closest?.('[data-dialog]');
    const box = opener && document.getElementById(opener.dataset.dialog);
    if (!box?.showModal) return;
    event.preventDefault();
    box.showModal();
  });

  // Tabs: links to sections become tabs with their panels.
  function tabs(box) {
    const links = all('.tab-list a', box);
    const panels = links.map((link) => document.getElementById(link.hash.slice(1)));
    if (!links.length || panels.includes(null)) return;
    const list = links[0].closest('ul');
    list.setAttribute('role', 'tablist');
    list.setAttribute('aria-label', box.getAttribute('aria-label') || '');
    const choose = (chosen) => links.forEach((link, at) => {
      link.setAttribute('aria-selected', at === chosen);
      link.tabIndex = at === chosen ? 0 : -1;
      panels[at].hidden = at !== chosen;
    });
    links.forEach((link, at) => {
      link.parentElement.setAttribute('role', 'presentation');
      link.setAttribute('role', 'tab');
      link.id ||= `tab-${panels[at].id}`;
      link.setAttribute('aria-controls', panels[at].id);
      panels[at].setAttribute('role', 'tabpanel');
      panels[at].setAttribute('aria-labelledby', link.id);
      panels[at].tabIndex = 0;
      on(link, 'click', (event) => {
        event.preventDefault();
        choose(at);
        history.replaceState(history.state, '', link.hash);
      });
      on(link, 'keydown', (event) => {
        const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: links.length - 1 }[event.key];
        if (to === undefined) return;
        event.preventDefault();
        const next = links[(to + links.length) % links.length];
        next.focus();
        next.click();
      });
    });
    box.classList.add('on');
    const wanted = () => panels.findIndex((panel) => panel.id === location.hash.slice(1)
      || (location.hash.length > 1 && panel.querySelector(`#${CSS.escape(location.hash.slice(1))}`)));
    const wrong = panels.findIndex((panel) => panel.querySelector('[aria-invalid=true]'));
    choose(Math.max(wrong, wanted(), 0));
    on(window, 'hashchange', () => wanted() >= 0 && choose(wanted()));
  }

  // What opens over the page closes with Escape, with a click beside it, and when the focus leaves it.
  on(document, 'keydown', (event) => {
    const open = event.key === 'Escape' && event.target.closest?.('details[data-pop][open], .masthead details[open]');
    if (!open) return;
    open.open = false;
    open.querySelector('summary').focus();
  });
  // It would hide what has the focus next.
  for (const kind of ['click', 'focusin']) {
    on(document, kind, (event) => all('details[data-pop][open], .masthead details[open]').forEach((one) => {
      if (!one.contains(event.target)) one.open = false;
    }));
  }

  /** Japanese is marked on a page of another language, as the server does it. */
  const tongue = (text) => (/[぀-ヿ㐀-鿿]/.test(text) ? { lang: 'ja' } : {});

  // Search with suggestions
  function search(form) {
    const input = form.querySelector('input[type=search]');
    const list = make('ul', { class: 'suggestions', role: 'listbox', id: `${input.id}-list`, 'aria-label': input.labels?.[0]?.textContent || '', hidden: '' });
    input.after(list);
    for (const [name, value] of Object.entries({ role: 'combobox', 'aria-expanded': 'false', 'aria-controls': list.id, 'aria-autocomplete': 'list', autocomplete: 'off' })) {
      input.setAttribute(name, value);
    }
    let chosen = -1;
    let asked = 0;
    const options = () => all('[role=option]', list);
    const show = (yes) => {
      list.hidden = !yes;
      input.setAttribute('aria-expanded', yes);
      if (!yes) choose(-1);
    };
    function choose(at) {
      chosen = at;
      options().forEach((option, index) => option.setAttribute('aria-selected', index === at));
      if (at < 0) return input.removeAttribute('aria-activedescendant');
      input.setAttribute('aria-activedescendant', options()[at].id);
      return options()[at].scrollIntoView({ block: 'nearest' });
    }
    const ask = later(async () => {
      asked += 1;
      const own = asked;
      const words = input.value.trim();
      if (!words) return show(false);
      const answer = await fetch(form.dataset.search + encodeURIComponent(words), { headers: { accept: 'application/json' } })
        .then((got) => (got.ok ? got.json() : null), () => null);
      if (own !== asked || !answer || document.activeElement !== input) return undefined;
      // Only addresses of this site.
      const found = answer.results.filter(({ href }) => /^\/(?!\/)/.test(href)).slice(0, 10);
      list.replaceChildren(...found.map(({ href, title, kind, note }, at) => {
        const option = make('li', { role: 'option', id: `${list.id}-${at}`, 'data-href': href, 'aria-selected': 'false' },
          make('span', { class: 'kind' }, kind || ''), make('bdi', tongue(title), title), make('span', { class: 'muted', ...tongue(note || '') }, note || ''));
        on(option, 'mousedown', (event) => event.preventDefault());
        on(option, 'click', () => location.assign(href));
        return option;
      }));
      show(found.length > 0);
      announce(found.length ? say('search-count', { count: found.length }) : say('search-none'));
      return undefined;
    }, 200);
    on(input, 'input', (event) => event.isComposing || ask());
    on(input, 'compositionend', ask);
    on(input, 'blur', () => show(false));
    on(input, 'keydown', (event) => {
      if (event.isComposing) return;
      const count = options().length;
      if (event.key === 'Escape' && !list.hidden) {
        event.preventDefault();
        show(false);
      } else if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && count) {
        event.preventDefault();
        show(true);
        choose(event.key === 'ArrowDown' ? (chosen + 1) % count : (Math.max(chosen, 0) - 1 + count) % count);
      } else if (event.key === 'Enter' && chosen >= 0 && !list.hidden) {
        event.preventDefault();
        location.assign(options()[chosen].dataset.href);
      }
    });
  }

  // Work timer: runs on while other pages are open.
  const titleBefore = document.title;
  const clock = (ms) => `${Math.floor(ms / 3600000)}:${String(Math.floor(ms / 60000) % 60).padStart(2, '0')}`;
  const timerKeys = () => store.keys(`timer:${person}:`);
  function tick() {
    const running = timerKeys().map(store.get).find((one) => one?.start);
    document.title = running ? `${clock(Date.now() - running.start)} ${titleBefore}` : titleBefore;
    for (const form of all('form[data-timer]')) showTimer(form);
  }
  function showTimer(form) {
    const start = store.get(`timer:${person}:${form.dataset.timer}`)?.start;
    for (const [name, wanted] of [['start', !start], ['stop', start], ['drop', start]]) {
      const button = form.querySelector(`[data-timer-${name}]`);
      if (button) button.hidden = !wanted;
    }
    const text = start ? say('timer-running', { since: tokyo({ timeStyle: 'short' }).format(start), time: clock(Date.now() - start) }) : '';
    const show = form.querySelector('[data-timer-show]');
    if (show && show.textContent !== text) show.textContent = text;
  }
  function timer(form) {
    const key = `timer:${person}:${form.dataset.timer}`;
    const box = form.querySelector('[data-timer-box]');
    if (!box) return;
    box.hidden = false;
    const put = (name, value) => {
      const field = form.elements.namedItem(name);
      if (!field) return;
      field.value = value;
      field.dispatchEvent(new Event('input', { bubbles: true }));
    };
    const act = (name, what) => on(box, 'click', (event) => {
      if (!event.target.closest(`[data-timer-${name}]`)) return;
      what();
      tick();
      box.querySelector('button:not([hidden])')?.focus();
    });
    act('start', () => store.set(key, { start: Date.now() }));
    act('drop', () => store.drop(key));
    act('stop', () => {
      const start = Math.floor((store.get(key)?.start ?? Date.now()) / 60000) * 60000;
      const end = Math.max(Math.floor(Date.now() / 60000) * 60000, start + 60000);
      const [hour, day] = [new Intl.DateTimeFormat('en-GB', { timeZone: 'Asia/Tokyo', timeStyle: 'short' }), new Intl.DateTimeFormat('sv-SE', { timeZone: 'Asia/Tokyo' })];
      const minutes = Math.round((end - start) / 60000);
      put('date', day.format(start));
      put('start', hour.format(start));
      put('end', hour.format(end));
      put('minutes', String(minutes));
      store.drop(key);
      announce(say('timer-took', { count: minutes }), true);
    });
  }

  // What the growth of the ledger may have changed is fetched again and put in, not more often
  // than every ten seconds. Nobody need be there for it: it does not keep the session alive.
  async function renew(box) {
    const answer = await fetch(location.href, { headers: { accept: 'text/html', 'x-mamori-unattended': '1' } }).catch(() => null);
    if (!answer?.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const focus = document.activeElement;
    let changed = false;
    for (const old of all('[data-live-part][id]', box)) {
      const next = page.getElementById(old.id);
      if (!next || next.textContent === old.textContent) continue;
      const inside = old.contains(focus);
      const href = inside && focus.getAttribute('href');
      if (inside && !href) continue;
      old.replaceWith(next);
      enhance(next);
      changed = true;
      if (href) next.querySelector(`a[href="${CSS.escape(href)}"]`)?.focus({ preventScroll: true });
    }
    if (changed) announce(say('live-changed'));
  }

  // Live values
  function live(box) {
    let source = null;
    let seen;
    let due;
    let last = 0;
    let again;
    let pause = 0;
    const follow = (seq) => {
      if (seq !== undefined && seen !== undefined && seq !== seen && box.querySelector('[data-live-part]')) {
        clearTimeout(due);
        due = setTimeout(() => {
          last = Date.now();
          renew(box);
        }, Math.max(1000, last + 10000 - Date.now()));
      }
      seen = seq ?? seen;
    };
    const button = make('button', { type: 'button', class: 'button quiet live-switch' });
    const slot = box.querySelector('[data-live-switch]') || box;
    const wanted = () => !store.get('live-off');
    const set = () => {
      source?.close();
      source = null;
      clearTimeout(again);
      button.textContent = wanted() ? say('live-stop') : say('live-on');
      if (!wanted() || document.hidden) return;
      source = new EventSource(box.dataset.live);
      source.onmessage = ({ data }) => {
        const { values = {}, say: words } = JSON.parse(data);
        for (const [key, value] of Object.entries(values)) {
          for (const one of all(`[data-live-key="${CSS.escape(key)}"]`, box)) if (one.textContent !== String(value)) one.textContent = value;
        }
        announce(words, true);
        follow(values['ledger-seq']);
      };
      source.onopen = () => {
        if (pause) announce(say('online'), true);
        pause = 0;
      };
      // The browser tries again by itself unless the answer was an error, as of a proxy whose
      // server is away, or it gave up.
      source.onerror = () => {
        if (source?.readyState !== 2) return;
        if (!pause) announce(say('live-lost'), true);
        pause = Math.min(pause * 2 || 5000, 300000);
        again = setTimeout(set, pause);
      };
    };
    button.onclick = () => {
      if (wanted()) store.set('live-off', true);
      else store.drop('live-off');
      set();
    };
    slot.prepend(button);
    // Browsers allow few connections at once: a page that nobody sees gives its own back.
    on(document, 'visibilitychange', set);
    on(window, 'pagehide', () => source?.close());
    set();
  }

  // Keys. WCAG 2.1.4: single letters can be switched off.
  const gotos = () => all('a[data-key]').filter((one, at, list) => list.findIndex((two) => two.dataset.key === one.dataset.key) === at);
  let keysBox;
  function showKeys() {
    keysBox?.remove();
    const rows = [['/', say('keys-search')], ['n', say('keys-new')], ['?', say('keys-help')],
      ...gotos().map((link) => [`g ${link.dataset.key}`, say('keys-goto', { name: link.textContent.trim() })])];
    const box = make('input', { type: 'checkbox', id: 'keys-on' });
    box.checked = !store.get('keys-off');
    on(box, 'change', () => (box.checked ? store.drop('keys-off') : store.set('keys-off', true)));
    keysBox = make('section', { id: 'keys', 'aria-labelledby': 'keys-title' }, make('h2', { id: 'keys-title' }, say('keys-title')),
      make('dl', { class: 'keys' }, ...rows.flatMap(([keys, text]) =>
        [make('dt', {}, ...keys.split(' ').map((key) => make('kbd', {}, key))), make('dd', {}, text)])),
      make('p', { class: 'choice' }, box, make('label', { for: 'keys-on' }, say('keys-on'))), make('p', { class: 'muted small' }, say('keys-note')));
    body.append(keysBox);
    dialog(keysBox);
    keysBox = document.getElementById('keys');
    keysBox.showModal();
  }
  let afterG = 0;
  on(document, 'keydown', (event) => {
    if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey || store.get('keys-off')) return;
    if (event.target.closest?.('input, textarea, select, [contenteditable], dialog, [role=tablist], [role=listbox]')) return;
    const goto = Date.now() - afterG < 1500 && gotos().find((link) => link.dataset.key === event.key);
    afterG = event.key === 'g' ? Date.now() : 0;
    const target = goto || { '/': document.querySelector('[data-search] input'), n: document.querySelector('a[data-new]') }[event.key];
    if (event.key === '?') showKeys();
    else if (!target) return;
    else if (event.key === '/' && !goto) target.focus();
    else target.click();
    event.preventDefault();
  });

  // What a part of the page needs when it comes in.
  function enhance(root) {
    const each = (selector, act) => {
      if (root.matches?.(selector)) act(root);
      all(selector, root).forEach(act);
    };
    each('section.dialog[id]', dialog);
    each('[data-tabs]', tabs);
    each('[data-upload]', upload);
    each('form[data-timer]', timer);
    each('[data-most]', (area) => {
      const note = document.getElementById(`c-${area.id.slice(2)}`);
      if (!note) return;
      on(area, 'input', () => countLetters(area, note));
      countLetters(area, note);
    });
    each('input[type=date]', (input) => {
      const note = document.getElementById(`d-${input.id.slice(2)}`);
      if (!note) return;
      on(input, 'input change', () => echoDay(input, note));
      echoDay(input, note);
    });
    each('[data-copy]', (button) => {
      if (!navigator.clipboard) return;
      button.hidden = false;
      button.onclick = () => navigator.clipboard.writeText(button.dataset.copy).then(() => announce(say('copied'), true), () => announce(say('copy-failed'), true));
    });
    each('[data-live]', live);
    each('[data-keys]', (button) => {
      button.hidden = false;
      on(button, 'click', showKeys);
    });
    each('form[data-search]', search);
    each('form[data-draft]', offerDraft);
    ago(root);
  }
  function ago(root = document) {
    const words = new Intl.RelativeTimeFormat(document.documentElement.lang || 'ja', { numeric: 'auto' });
    for (const one of all('[data-ago]', root)) {
      const minutes = Math.round((Date.parse(one.dataset.ago) - Date.now()) / 60000);
      const [value, unit] = Math.abs(minutes) < 60 ? [minutes, 'minute'] : Math.abs(minutes) < 1440 ? [minutes / 60, 'hour'] : [minutes / 1440, 'day'];
      one.textContent = words.format(Math.trunc(value), unit);
    }
  }

  settleDrafts();
  enhance(document);
  tick();
  setInterval(tick, 10000);
  setInterval(ago, 60000);
  const summary = document.querySelector('[data-error-summary]');
  if (summary) summary.focus();
  // A role=status that was there from the beginning is not read out.
  else setTimeout(() => announce(all('main > .notice[role=status]:not(.draft) p').map((one) => one.textContent).join(' ')), 300);
})();
