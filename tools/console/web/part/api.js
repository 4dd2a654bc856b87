// api.js -- questions to the server that this page came from: POST /rpc/<method> with JSON.
import { replace } from "./dom.js";

/** What the server said; `position` is a byte of the expression. "network" and "aborted" are ours. */
export class RpcError extends Error {
  constructor(error) {
    super(error.message ?? "");
    this.status = error.status ?? "error";
    this.code = error.code ?? 0;
    this.position = error.position;
    this.hint = error.hint;
  }
}

const TOKEN = "shoal.token";
const WORKSPACE = "shoal.workspace";
let onDenied = () => {};

export function whenDenied(handler) {
  onDenied = handler;
}

export function storedToken() {
  return sessionStorage.getItem(TOKEN) ?? "";
}

export function storeToken(token) {
  if (token === "") sessionStorage.removeItem(TOKEN);
  else sessionStorage.setItem(TOKEN, token);
}

export function workspace() {
  return sessionStorage.getItem(WORKSPACE) ?? "";
}

export function storeWorkspace(name) {
  if (name === "") sessionStorage.removeItem(WORKSPACE);
  else sessionStorage.setItem(WORKSPACE, name);
}

function headers() {
  const given = { "Content-Type": "application/json" };
  if (storedToken() !== "") given.Authorization = `Bearer ${storedToken()}`;
  return given;
}

async function send(method, params, signal) {
  try {
    const query = workspace() === "" ? "" : `?workspace=${encodeURIComponent(workspace())}`;
    const response = await fetch(`/rpc/${method}${query}`, { method: "POST", headers: headers(), body: JSON.stringify(params), signal });
    return { status: response.status, body: await response.json() };
  } catch (error) {
    if (signal?.aborted) throw new RpcError({ status: "aborted", message: "" });
    throw new RpcError({ status: "network", message: String(error.message ?? error) });
  }
}

/** The result's map. Without a signal the question is answered even if nobody waits for it any more. */
export async function rpc(method, params = {}, signal = undefined) {
  const { status, body } = await send(method, params, signal);
  if (status === 200) return body;
  const error = new RpcError(body.error ?? body);
  if (status === 401) onDenied(error);
  throw error;
}

/** Only the latest question counts: asking again gives up the one before. */
export class Latest {
  constructor(signal) {
    this.outer = signal;
    this.controller = null;
  }

  async ask(method, params) {
    this.stop();
    const controller = new AbortController();
    this.controller = controller;
    this.outer?.addEventListener("abort", () => controller.abort(), { once: true, signal: controller.signal });
    return rpc(method, params, controller.signal);
  }

  stop() {
    this.controller?.abort();
  }
}

export const isAborted = (error) => error instanceof RpcError && error.status === "aborted";

/** Fill the place with what `load` makes; while it waits the place is busy, an error stands in it with a way to try again. */
export async function fill(place, load, { skeleton, failure }) {
  place.setAttribute("aria-busy", "true");
  const slow = setTimeout(() => replace(place, skeleton()), place.childElementCount === 0 ? 0 : 250);
  try {
    const made = await load();
    clearTimeout(slow);
    if (made !== undefined) replace(place, made);
  } catch (error) {
    clearTimeout(slow);
    if (isAborted(error)) return;
    if (!(error instanceof RpcError)) console.error(error);
    replace(place, failure(error, () => fill(place, load, { skeleton, failure })));
  } finally {
    place.removeAttribute("aria-busy");
  }
}
