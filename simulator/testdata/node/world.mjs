// What the scenarios stand on: Twilio's library pointed at the simulator, a server for its webhooks, and the report.
import http from "node:http";
import twilio from "twilio";

const { SIMULATOR_URL, ACCOUNT_SID, AUTH_TOKEN } = process.env;
export const account = ACCOUNT_SID;

// The library's own extension point for other networks. The Host header stays, for the simulator tells products apart by it.
class ToSimulator extends twilio.RequestClient {
  request(options) {
    const wanted = new URL(options.uri);
    return super.request({
      ...options,
      uri: SIMULATOR_URL + wanted.pathname + wanted.search,
      headers: { ...options.headers, Host: wanted.host },
    });
  }
}

export const clientOf = (sid, token) => twilio(sid, token, { httpClient: new ToSimulator({ timeout: 30_000 }) });
export const client = clientOf(ACCOUNT_SID, AUTH_TOKEN);

// Every webhook as it came, and whether Twilio's validator takes its signature.
export const webhooks = [];
const answers = new Map();
const watchers = new Set();

export const answer = (path, type, body) => answers.set(path, { type, body });

const server = http.createServer(async (request, response) => {
  let text = "";
  for await (const chunk of request) text += chunk;
  const url = new URL(request.url, base);
  const params = Object.fromEntries(new URLSearchParams(text));
  const signature = request.headers["x-twilio-signature"] ?? "";
  const hook = {
    method: request.method, path: url.pathname, url: url.href, params: { ...Object.fromEntries(url.searchParams), ...params }, signature, form: params,
    valid: twilio.validateRequest(AUTH_TOKEN, signature, url.href, params),
    token: request.headers["i-twilio-idempotency-token"],
  };
  webhooks.push(hook);
  const { type, body } = answers.get(url.pathname) ?? { type: "text/plain", body: "" };
  response.writeHead(body === "" ? 204 : 200, { "Content-Type": type }).end(body);
  for (const look of [...watchers]) look(hook);
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const base = `http://127.0.0.1:${server.address().port}`;
export const at = (path) => base + path;

const matches = (hook, path, want) =>
  hook.path === path && Object.entries(want).every(([name, value]) => hook.params[name] === value);

/** hook waits for a webhook to path with these parameters, past or to come. */
export function hook(path, want = {}) {
  const past = webhooks.find((h) => matches(h, path, want));
  if (past) return Promise.resolve(past);
  return new Promise((resolve, reject) => {
    const look = (h) => {
      if (!matches(h, path, want)) return;
      clearTimeout(late);
      watchers.delete(look);
      resolve(h);
    };
    const late = setTimeout(() => {
      watchers.delete(look);
      const came = webhooks.map((h) => `${h.path} ${h.params.EventType ?? h.params.StatusCallbackEvent ?? h.params.CallStatus ?? ""}`);
      reject(new Error(`no webhook to ${path} with ${JSON.stringify(want)}; these came: ${came.join(", ")}`));
    }, 30_000);
    watchers.add(look);
  });
}

/** refusal is the error that a request is refused with. */
export async function refusal(request) {
  try {
    await request;
  } catch (e) {
    return { status: e.status, code: e.code, moreInfo: e.moreInfo };
  }
  throw new Error("it was not refused");
}

/** scenario runs one check and reports it as a line of JSON. The next runs in any case. */
export async function scenario(name, run) {
  try {
    await run();
    console.log(JSON.stringify({ name, ok: true }));
  } catch (e) {
    console.log(JSON.stringify({ name, ok: false, error: e.stack ?? String(e) }));
  }
}

export async function finish() {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  console.log(JSON.stringify({ name: "", ok: true, finished: true }));
}
