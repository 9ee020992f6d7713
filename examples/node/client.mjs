// client.mjs: calls a Dora server in JSON over its TCP port, with nothing but Node.js itself.
// It asks for what users.py answers: `node client.mjs 127.0.0.1:9567`. DORA_TOKEN is its token, where the server has
// `access`; DORA_GZIP=1 is for one with `gzip`. Written from core/PROTOCOL.md.
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { gunzipSync, gzipSync } from 'node:zlib';

class Dora {
  #waiting = new Map(); // guid => what to do with its next reply
  #bytes = Buffer.alloc(0);

  constructor(address, { token, gzip } = {}) {
    const [, host, port] = address.match(/^(.*):(\d+)$/);
    this.gzip = gzip;
    this.socket = connect({ host, port: Number(port), noDelay: true });
    this.socket.on('data', (data) => this.#read(data));
    this.socket.on('close', () => this.#fail(new Error('closed')));
    this.socket.on('error', (error) => this.#fail(error));
    if (token) this.ask('SC', { cmd: { name: 'hello', param: { token } } }).catch((error) => this.#fail(error));
  }

  #fail(error) { // it is the answer to all that wait
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #read(data) {
    this.#bytes = Buffer.concat([this.#bytes, data]);
    while (this.#bytes.length >= 4 && this.#bytes.length >= 4 + this.#bytes.readUInt32BE()) {
      const end = 4 + this.#bytes.readUInt32BE();
      const body = this.#bytes.subarray(36, end);
      this.#bytes = this.#bytes.subarray(end);
      try {
        this.#take(JSON.parse((this.gzip ? gunzipSync(body) : body).toString()));
      } catch (error) { // an answer in another form is to a frame that could not be read
        this.#fail(new Error(`the answer cannot be read: ${error.message}; is gzip the same at both ends?`));
      }
    }
  }

  #take(reply) {
    const call = this.#waiting.get(reply.guid);
    const failure = new Error(`${reply.code} ${reply.msg}`);
    if (/^0{32}$/.test(reply.guid)) return this.#fail(failure); // nobody's: it is about the connection
    if (reply.code === 100014) return; // how far a stream is
    if (reply.code === 100013) { // a part: there is room for one more, or nobody wants more
      const goesOn = call?.onPart(reply.data) !== false;
      return this.#send(goesOn ? { type: 'TK', guid: reply.guid, take: 1 } : { type: 'CN', guid: reply.guid });
    }
    if (call?.isLater && reply.code === 100001) return; // accepted; the result follows
    this.#waiting.delete(reply.guid);
    reply.code === 0 ? call?.resolve(reply.data) : call?.reject(failure);
  }

  #send(message) {
    const text = Buffer.from(JSON.stringify(message));
    const body = this.gzip ? gzipSync(text) : text;
    const head = Buffer.alloc(4);
    head.writeUInt32BE(32 + body.length);
    this.socket.write(Buffer.concat([head, Buffer.from(message.guid), body]));
  }

  ask(type, api, onPart = () => {}, more = {}) { // a stream's onPart ends it by returning false
    const guid = randomBytes(16).toString('hex');
    this.#send({ api, guid, type, ...more });
    const isLater = type.startsWith('AM_');
    return new Promise((resolve, reject) => this.#waiting.set(guid, { resolve, reject, isLater, onPart }));
  }
}

const dora = new Dora(process.argv[2] ?? '127.0.0.1:9567',
  { token: process.env.DORA_TOKEN, gzip: process.env.DORA_GZIP === '1' });
const said = (envelope) => (envelope.code === 0 ? envelope.data : envelope.msg);
const single = await dora.ask('W_S', { one: { name: '/user/get', param: { id: 7 } } });
console.log('single:', JSON.stringify(said(single)));
const many = await dora.ask('W_M', { a: { name: '/user/names', param: [1, 2] }, b: { name: '/none' } });
console.log('many:', JSON.stringify({ a: said(many.a), b: said(many.b) }));
const later = await dora.ask('AM_S', { one: { name: '/user/get', param: { id: 2 } } });
console.log('later:', JSON.stringify(said(later)));
const parts = [];
const whole = await dora.ask('ST_S', { one: { name: '/user/each' } }, (part) => { parts.push(part); });
console.log('stream:', JSON.stringify(parts), JSON.stringify(said(whole)));
const begun = await dora.ask('ST_S', { one: { name: '/user/each' } }, () => false, { window: 1 });
console.log('cancelled behind its first part:', begun.code);
dora.socket.end();
