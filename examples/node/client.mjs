// client.mjs: calls a Dora server in JSON over its TCP port, with nothing but Node.js itself.
// It asks for what users.py answers: `node client.mjs 127.0.0.1:9567`. Written from core/PROTOCOL.md.
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';

class Dora {
  #waiting = new Map(); // guid => what to do with its next reply
  #bytes = Buffer.alloc(0);

  constructor(address) {
    const [, host, port] = address.match(/^(.*):(\d+)$/);
    this.socket = connect({ host, port: Number(port), noDelay: true });
    this.socket.on('data', (data) => this.#read(data));
    this.socket.on('close', () => this.#waiting.forEach(({ reject }) => reject(new Error('closed'))));
    this.socket.on('error', () => {});
  }

  #read(data) {
    this.#bytes = Buffer.concat([this.#bytes, data]);
    while (this.#bytes.length >= 4 && this.#bytes.length >= 4 + this.#bytes.readUInt32BE()) {
      const end = 4 + this.#bytes.readUInt32BE();
      const reply = JSON.parse(this.#bytes.subarray(36, end).toString());
      this.#bytes = this.#bytes.subarray(end);
      const call = this.#waiting.get(reply.guid);
      if (reply.code === 100013 || reply.code === 100014) { // a part of a stream, or how far it is
        if (reply.code === 100013) { call?.onPart(reply.data); this.#send({ type: 'TK', guid: reply.guid, take: 1 }); }
        continue;
      }
      if (call?.isLater && reply.code === 100001) continue; // accepted; the result follows
      this.#waiting.delete(reply.guid);
      reply.code === 0 ? call?.resolve(reply.data) : call?.reject(new Error(`${reply.code} ${reply.msg}`));
    }
  }

  #send(message) {
    const body = Buffer.from(JSON.stringify(message));
    const head = Buffer.alloc(4);
    head.writeUInt32BE(32 + body.length);
    this.socket.write(Buffer.concat([head, Buffer.from(message.guid), body]));
  }

  ask(type, api, onPart = () => {}) {
    const guid = randomBytes(16).toString('hex');
    this.#send({ api, guid, type });
    const isLater = type.startsWith('AM_');
    return new Promise((resolve, reject) => this.#waiting.set(guid, { resolve, reject, isLater, onPart }));
  }
}

const dora = new Dora(process.argv[2] ?? '127.0.0.1:9567');
const said = (envelope) => (envelope.code === 0 ? envelope.data : envelope.msg);
const single = await dora.ask('W_S', { one: { name: '/user/get', param: { id: 7 } } });
console.log('single:', JSON.stringify(said(single)));
const many = await dora.ask('W_M', { a: { name: '/user/names', param: [1, 2] }, b: { name: '/none' } });
console.log('many:', JSON.stringify({ a: said(many.a), b: said(many.b) }));
const later = await dora.ask('AM_S', { one: { name: '/user/get', param: { id: 2 } } });
console.log('later:', JSON.stringify(said(later)));
const parts = [];
const whole = await dora.ask('ST_S', { one: { name: '/user/each' } }, (part) => parts.push(part));
console.log('stream:', JSON.stringify(parts), JSON.stringify(said(whole)));
dora.socket.end();
