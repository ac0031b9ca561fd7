// The real Socket.IO client, and the ws package on user:chat, in a chat of two people.
// node journey_socketio.mjs --base URL --token T --other-token T

import { io } from 'socket.io-client';
import WebSocket from 'ws';

import { Journey, assert, eventually, kept, options, same } from './journey.mjs';

const { base, token, 'other-token': otherToken } = options('base', 'token', 'other-token');
const journey = new Journey();
const step = journey.step.bind(journey);
const k = kept();

const call = async (accessToken, method, path, body) => {
  const response = await fetch(base + path, {
    method,
    headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  assert(response.ok, `${method} ${path}: ${response.status}`);
  return response.json();
};
// What a socket heard of an event, kept from the start: nothing is missed between two steps.
const listen = (socket) => {
  const heard = [];
  socket.onAny((event, payload) => heard.push({ event, payload }));
  return (event, test = () => true) => eventually(
    `${event} is heard`, () => heard.find((one) => one.event === event && test(one.payload))?.payload,
  );
};
const connect = (options) => io(base, { forceNew: true, reconnection: false, ...options });

await step('becomes friends', async () => {
  [k.me, k.other] = await Promise.all([token, otherToken].map((t) => call(t, 'GET', '/api/v1/accounts/verify_credentials')));
  await call(token, 'POST', `/api/v1/accounts/${k.other.id}/follow`);
  await call(otherToken, 'POST', `/api/v1/accounts/${k.me.id}/follow`);
});
await step('is refused without a good token', async () => {
  for (const auth of [{}, { token: 'nonsense' }]) {
    const socket = connect({ auth });
    await new Promise((done) => { socket.on('connect_error', done); });
    socket.close();
  }
});
await step('connects in three lines', async () => {
  k.socket = connect({ auth: { token } });
  k.heard = listen(k.socket);
  same((await k.heard('connected')).account_id, k.me.id);
});
await step('connects over a WebSocket alone, with the token in the query', async () => {
  k.his = connect({ query: { token: otherToken }, transports: ['websocket'] });
  k.hisHeard = listen(k.his);
  same((await k.hisHeard('connected')).account_id, k.other.id);
});
await step('sees that the other came', async () => {
  await k.heard('presence', (p) => p.account_id === k.other.id && p.online);
});
await step('sends a message, which is acknowledged and arrives', async () => {
  k.message = await k.socket.timeout(5000).emitWithAck('send_message', { recipient_id: k.other.id, text: 'Hello' });
  same(k.message.text, 'Hello');
  const got = await k.hisHeard('chat_message', (m) => m.id === k.message.id);
  same([got.text, got.mine], ['Hello', false]);
});
await step('is told of a mistake', async () => {
  const answer = await k.socket.timeout(5000).emitWithAck('send_message', { chat_id: '1', text: 'x' });
  same(answer.status, 404);
  same((await k.socket.timeout(5000).emitWithAck('read', 'nonsense')).status, 400);
});
await step('types, and reads', async () => {
  await k.his.timeout(5000).emitWithAck('typing', { chat_id: k.message.chat_id });
  same((await k.heard('typing')).account_id, k.other.id);
  const chat = await k.his.timeout(5000).emitWithAck('read', { chat_id: k.message.chat_id, message_id: k.message.id });
  same(chat.unread_count, 0);
  await k.heard('chat_read', (r) => r.message_id === k.message.id);
});
await step('hears of notifications', async () => {
  await call(otherToken, 'POST', '/api/v1/statuses', { status: `Hello @${k.me.username}` });
  const said = await k.heard('new_notification', (n) => n.type === 'mention');
  same([said.account.id, said.read, said.actor_username], [k.other.id, false, k.other.username]);
  await k.hisHeard('new_notification', (n) => n.type === 'chat_message' && n.chat_id === k.message.chat_id);
});
await step('talks to a plain WebSocket', async () => {
  const socket = new WebSocket(`${base.replace('http', 'ws')}/api/v1/streaming?token=${otherToken}&stream=user:chat`);
  const frames = [];
  socket.on('message', (text) => frames.push(JSON.parse(text)));
  await new Promise((done) => { socket.on('open', done); });
  socket.send(JSON.stringify({ recipient_id: k.me.id, text: 'plain', ref: 'r1' }));
  const answer = await eventually('an answer comes', () => frames.find((f) => f.ref === 'r1'));
  same(answer.event, 'ack');
  await k.heard('chat_message', (m) => m.text === 'plain');
  socket.close();
});
await step('sees that the other went', async () => {
  k.his.close();
  await k.heard('presence', (p) => p.account_id === k.other.id && !p.online);
});
await step('ends with its token', async () => {
  const socket = connect({ auth: { token: otherToken } });
  const heard = listen(socket);
  await heard('connected');
  const over = new Promise((done) => { socket.on('disconnect', done); });
  await call(otherToken, 'POST', '/api/kith/v1/auth/logout');
  same(await over, 'io server disconnect');
  const late = connect({ auth: { token: otherToken } });
  await new Promise((done) => { late.on('connect_error', done); });
  late.close();
});
k.socket?.close();
journey.finish();
