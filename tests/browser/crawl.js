// Every page that people reach by links, asked for without a browser: several of each kind of
// address, as what a page shows differs by the state of its subject, and of those every page that
// is built differently from the others.

/** Answers that are files or for programs are told by their media type. */
const isPage = (answer) => answer.status() === 200 && (answer.headers()["content-type"] ?? "").startsWith("text/html");

/** How many pages of one kind are asked for. */
const OF_A_KIND = 4;

/** Addresses of one kind differ by what they name only: every work entry, whatever the query holds. */
function kind(address) {
  const { pathname, searchParams } = new URL(address);
  const parts = pathname.split("/").map((part) => (/\d|%/.test(part) || part.length > 24 ? "#" : part));
  const keys = [...new Set(searchParams.keys())].sort().join("&");
  return parts.join("/") + (keys ? `?${keys}` : "");
}

/**
 * The pages that somebody signed in reaches from the first page, as address and HTML. `request` is
 * the browser context's, so that its cookies count. A link that leads nowhere is an error.
 */
async function pagesOf(request, origin) {
  const found = new Map();
  const broken = [];
  const kinds = new Map();
  const waiting = [{ address: `${origin}/`, from: "" }];
  while (waiting.length > 0) {
    const { address, from } = waiting.shift();
    const answer = await request.get(address);
    if (answer.status() >= 400) broken.push(`${from} → ${address}: ${answer.status()}`);
    if (!isPage(answer) || found.has(answer.url())) continue;
    const html = await answer.text();
    found.set(answer.url(), html);
    for (const link of links(html, answer.url())) {
      const like = kinds.get(kind(link)) ?? new Set();
      const most = kind(link).includes("#") ? OF_A_KIND : 1;
      if (!link.startsWith(`${origin}/`) || like.has(link) || like.size >= most) continue;
      kinds.set(kind(link), like.add(link));
      waiting.push({ address: link, from: answer.url() });
    }
  }
  if (broken.length > 0) throw new Error(`links that lead nowhere:\n${broken.join("\n")}`);
  return found;
}

function links(html, base) {
  return [...html.matchAll(/<a\b[^>]*\bhref="([^"]+)"/g)].map(([, href]) => {
    const link = new URL(href.replaceAll("&amp;", "&"), base);
    link.hash = "";
    return link.href;
  });
}

/** What a page is built of, without its words: pages that share it look and behave alike. */
function build(html) {
  const main = html.slice(html.indexOf("<main"));
  const parts = [...main.matchAll(/<(\w+)((?:\s+[^\s=>]+(?:="[^"]*")?)*)\s*>/g)].map(([, tag, attributes]) =>
    [tag, ...[...attributes.matchAll(/([^\s=]+)(?:="([^"]*)")?/g)].map(([, name, value]) =>
      (["class", "type", "role", "scope"].includes(name) ? `${name}=${value}` : name)).sort()].join(" "));
  return [...new Set(parts)].sort().join("|");
}

/**
 * Every page of everybody, once: `people` sign in one after the other, and of pages that are built
 * alike the first is kept. Gives the person with the addresses to look at as that person,
 * and the session to do it in: signing in again and again is what the limits are against.
 */
export async function everyPage(world, people, signIn) {
  const built = new Set();
  const all = [];
  for (const person of people) {
    const page = await world.visitor();
    await signIn(page, person);
    const pages = await pagesOf(page.request, world.address);
    const addresses = [];
    for (const [address, html] of pages) {
      if (built.has(build(html))) continue;
      built.add(build(html));
      addresses.push(address);
    }
    all.push({ person, addresses, reached: pages.size, storageState: await page.context().storageState() });
    await page.context().close();
  }
  return all;
}
