// A web client in a real browser, at home on another origin: everything it needs must get through CORS.
// node journey_browser.mjs --base URL --user NAME --email E --password P --other-token T

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

import { Journey, assert, kept, options, same, within } from './journey.mjs';

const { base, user, email, password, 'other-token': otherToken } = options('base', 'user', 'email', 'password', 'other-token');
const journey = new Journey();
const step = journey.step.bind(journey);
const k = kept();

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
if (!executablePath) throw new Error('no chromium: apt-get install chromium');

// The app's own origin: another host and port than the server's.
const home = createServer((_, answer) => {
  answer.setHeader('content-type', 'text/html; charset=utf-8');
  answer.end('<!doctype html><title>A web client</title>');
});
await new Promise((resolve) => home.listen(0, '127.0.0.1', resolve));
const origin = `http://127.0.0.1:${home.address().port}`;

const profile = mkdtempSync(join(tmpdir(), 'kith-chromium-'));
const context = await chromium.launchPersistentContext(profile, {
  executablePath,
  headless: true,
  args: [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required',
  ],
});
const page = await context.newPage();
page.setDefaultTimeout(15_000);

/** Runs a function in the app's page. */
const inApp = (work, argument) => page.evaluate(work, argument);

try {
  await page.goto(origin);

  // --- what a client asks before it knows anyone ----------------------------------------------
  await step('reads what is public from another origin', async () => {
    for (const path of [
      '/api/v2/instance', '/api/v1/instance', '/.well-known/oauth-authorization-server', '/.well-known/nodeinfo', '/nodeinfo/2.0',
      `/.well-known/webfinger?resource=acct:${user}@${new URL(base).host}`, '/api/v1/timelines/public', '/api/v1/custom_emojis',
    ]) {
      const answer = await inApp(async (url) => {
        const got = await fetch(url);
        return [got.status, typeof await got.json()];
      }, base + path);
      same([path, ...answer], [path, 200, 'object']);
    }
  });
  await step('can read refusals as well', async () => {
    const seen = await inApp(async (base) => {
      const error = async (path, init) => {
        const got = await fetch(base + path, init);
        return [got.status, typeof (await got.json()).error];
      };
      return [
        await error('/api/v1/accounts/verify_credentials', { headers: { authorization: 'Bearer nonsense' } }),
        await error('/api/v1/statuses/1'),
        await error('/api/v1/nothing'),
        await error('/oauth/token', { method: 'POST', body: new URLSearchParams({ grant_type: 'authorization_code' }) }),
        await error('/media/nothing.png'),
      ];
    }, base);
    for (const [status, kind] of seen) {
      within(status, [400, 401, 404, 422]);
      same(kind, 'string');
    }
  });

  // --- OAuth with PKCE --------------------------------------------------------------------------
  await step('registers itself', async () => {
    k.app = await inApp(async ([base, origin]) => {
      const body = { client_name: 'Web', redirect_uris: [`${origin}/back`], scopes: 'read write follow push', website: origin };
      const got = await fetch(`${base}/api/v1/apps`, {
        method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
      });
      return got.json();
    }, [base, origin]);
    assert(k.app.client_id, JSON.stringify(k.app));
  });
  await step('sends its user to sign in, and gets them back with a code', async () => {
    const { url, verifier } = await inApp(async ([base, origin, clientId]) => {
      const encode = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
      const verifier = encode(crypto.getRandomValues(new Uint8Array(48)));
      const challenge = encode(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier)));
      const query = new URLSearchParams({
        response_type: 'code', client_id: clientId, redirect_uri: `${origin}/back`, scope: 'read write follow push',
        code_challenge: challenge, code_challenge_method: 'S256', state: 'where I was',
      });
      return { url: `${base}/oauth/authorize?${query}`, verifier };
    }, [base, origin, k.app.client_id]);
    k.verifier = verifier;
    await page.goto(url);
    await page.fill('input[type=text], input[type=email]', email);
    await page.fill('input[type=password]', password);
    await page.click('form:has(input[type=password]) [type=submit]');
    const consent = page.locator('form[action*="authorize"] button:not([value=deny])').first();
    await consent.click();
    await page.waitForURL(`${origin}/back?*`);
    const back = new URL(page.url()).searchParams;
    same(back.get('state'), 'where I was');
    k.code = back.get('code');
    assert(k.code, page.url());
  });
  await step('takes no code without its verifier', async () => {
    const status = await inApp(async ([base, origin, app, code]) => {
      const got = await fetch(`${base}/oauth/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'authorization_code', client_id: app.client_id, client_secret: app.client_secret, redirect_uri: `${origin}/back`,
          code: `${code}x`, code_verifier: 'x'.repeat(64),
        }),
      });
      return got.status;
    }, [base, origin, k.app, k.code]);
    within(status, [400, 401]);
  });
  await step('has a token for the code', async () => {
    const got = await inApp(async ([base, origin, app, code, verifier]) => {
      const got = await fetch(`${base}/oauth/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'authorization_code', client_id: app.client_id, client_secret: app.client_secret, redirect_uri: `${origin}/back`,
          code, code_verifier: verifier,
        }),
      });
      return [got.status, await got.json()];
    }, [base, origin, k.app, k.code, k.verifier]);
    same([got[0], got[1].token_type], [200, 'Bearer']);
    k.token = got[1].access_token;
  });

  // --- the API ----------------------------------------------------------------------------------
  await step('acts with headers that need a preflight', async () => {
    k.posts = await inApp(async ([base, token]) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const call = async (method, path, body, more) => {
        const got = await fetch(base + path, { method, headers: { ...headers, ...more }, body: body && JSON.stringify(body) });
        if (!got.ok) throw new Error(`${method} ${path}: ${got.status} ${await got.text()}`);
        return got.json();
      };
      const posts = [];
      for (let n = 0; n < 3; n += 1) {
        posts.push(await call('POST', '/api/v1/statuses', { status: `from a browser ${n}` }, { 'idempotency-key': `browser-${n}` }));
      }
      const edited = await call('PUT', `/api/v1/statuses/${posts[0].id}`, { status: 'edited' });
      const me = await call('PATCH', '/api/v1/accounts/update_credentials', { display_name: 'Browser' });
      await call('DELETE', `/api/v1/statuses/${posts[2].id}`);
      if (!edited.edited_at || me.display_name !== 'Browser') throw new Error('no effect');
      return posts;
    }, [base, k.token]);
  });
  await step('reads the headers that it pages and waits by', async () => {
    const [link, request] = await inApp(async ([base, token]) => {
      const got = await fetch(`${base}/api/v1/timelines/home?limit=1`, { headers: { authorization: `Bearer ${token}` } });
      return [got.headers.get('link'), got.headers.get('x-request-id')];
    }, [base, k.token]);
    assert(/rel="next"/.test(link ?? ''), `Link is ${link}`);
    assert(request, 'no X-Request-Id');
  });
  await step('is refused cookies', async () => {
    const failed = await inApp(async (base) => {
      try {
        await fetch(`${base}/api/v1/timelines/public`, { credentials: 'include' });
        return false;
      } catch {
        return true;
      }
    }, base);
    assert(failed, 'an answer to a request with cookies was readable');
  });

  // --- streams ----------------------------------------------------------------------------------
  await step('streams over a WebSocket with the token in its protocol', async () => {
    const seen = await inApp(async ([base, token, otherToken]) => {
      const { configuration } = await (await fetch(`${base}/api/v2/instance`)).json();
      const socket = new WebSocket(`${configuration.urls.streaming}/api/v1/streaming`, token);
      const events = [];
      socket.onmessage = ({ data }) => events.push(JSON.parse(data));
      await new Promise((resolve, reject) => {
        socket.onopen = resolve;
        socket.onerror = () => reject(new Error('the socket did not open'));
      });
      const protocol = socket.protocol === token;
      socket.send(JSON.stringify({ type: 'subscribe', stream: 'public:local' }));
      await new Promise((resolve) => { setTimeout(resolve, 400); });
      const got = await fetch(`${base}/api/v1/statuses`, {
        method: 'POST', headers: { authorization: `Bearer ${otherToken}` }, body: new URLSearchParams({ status: 'live in a browser' }),
      });
      const { id } = await got.json();
      const until = Date.now() + 8000;
      while (Date.now() < until && !events.some((e) => e.event === 'update' && JSON.parse(e.payload).id === id)) {
        await new Promise((resolve) => { setTimeout(resolve, 50); });
      }
      socket.close();
      return [protocol, events.some((e) => e.event === 'update' && JSON.parse(e.payload).id === id)];
    }, [base, k.token, otherToken]);
    same(seen, [true, true]);
  });
  await step('streams server-sent events', async () => {
    const seen = await inApp(async ([base, token, otherToken]) => {
      const source = new EventSource(`${base}/api/v1/streaming/public/local?access_token=${token}`);
      await new Promise((resolve, reject) => {
        source.onopen = resolve;
        source.onerror = () => reject(new Error('the stream did not open'));
      });
      // Others post to the same server meanwhile.
      const events = [];
      source.addEventListener('update', ({ data }) => events.push(JSON.parse(data)));
      const got = await fetch(`${base}/api/v1/statuses`, {
        method: 'POST', headers: { authorization: `Bearer ${otherToken}` }, body: new URLSearchParams({ status: 'an event' }),
      });
      const { id } = await got.json();
      const until = Date.now() + 8000;
      while (Date.now() < until && !events.some((e) => e.id === id)) {
        await new Promise((resolve) => { setTimeout(resolve, 50); });
      }
      source.close();
      return events.find((e) => e.id === id)?.content;
    }, [base, k.token, otherToken]);
    same(seen, '<p>an event</p>');
  });

  // --- media --------------------------------------------------------------------------------------
  await step('uploads a drawing and shows it', async () => {
    const seen = await inApp(async ([base, token]) => {
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [80, 60];
      const brush = canvas.getContext('2d');
      brush.fillStyle = 'teal';
      brush.fillRect(0, 0, 80, 60);
      const blob = await new Promise((resolve) => { canvas.toBlob(resolve, 'image/png'); });
      const form = new FormData();
      form.append('file', blob, 'drawing.png');
      form.append('description', 'teal');
      const got = await fetch(`${base}/api/v2/media`, { method: 'POST', headers: { authorization: `Bearer ${token}` }, body: form });
      const media = await got.json();
      const picture = new Image();
      picture.crossOrigin = 'anonymous';
      picture.src = media.url;
      await picture.decode();
      // A picture without leave to be read would taint the canvas.
      brush.drawImage(picture, 0, 0);
      const pixel = Array.from(brush.getImageData(5, 5, 1, 1).data);
      const part = await fetch(media.url, { headers: { range: 'bytes=1-3' } });
      return { size: [picture.naturalWidth, picture.naturalHeight], pixel, part: [part.status, part.headers.get('content-range'), await part.text()] };
    }, [base, k.token]);
    same([seen.size, seen.pixel], [[80, 60], [0, 128, 128, 255]]);
    same([seen.part[0], seen.part[2]], [206, 'PNG']);
    assert(/^bytes 1-3\/\d+$/.test(seen.part[1] ?? ''), `Content-Range is ${seen.part[1]}`);
  });
  await step('uploads a video, and plays it from the middle', async () => {
    const seen = await inApp(async ([base, token]) => {
      const headers = { authorization: `Bearer ${token}` };
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [96, 64];
      const brush = canvas.getContext('2d');
      const recorder = new MediaRecorder(canvas.captureStream(20), { mimeType: 'video/webm;codecs=vp8' });
      const parts = [];
      recorder.ondataavailable = ({ data }) => parts.push(data);
      const stopped = new Promise((resolve) => { recorder.onstop = resolve; });
      recorder.start();
      for (let n = 0; n < 20; n += 1) {
        brush.fillStyle = `hsl(${n * 18} 80% 50%)`;
        brush.fillRect(0, 0, 96, 64);
        await new Promise((resolve) => { setTimeout(resolve, 50); });
      }
      recorder.stop();
      await stopped;
      const form = new FormData();
      form.append('file', new Blob(parts, { type: 'video/webm' }), 'clip.webm');
      const begun = await fetch(`${base}/api/v2/media`, { method: 'POST', headers, body: form });
      const { id } = await begun.json();
      let ready;
      for (let n = 0; n < 100 && !ready?.url; n += 1) {
        const got = await fetch(`${base}/api/v1/media/${id}`, { headers });
        ready = await got.json();
        if (!got.ok) throw new Error(JSON.stringify(ready));
        await new Promise((resolve) => { setTimeout(resolve, 100); });
      }
      const video = document.createElement('video');
      video.crossOrigin = 'anonymous';
      video.muted = true;
      video.src = ready.url;
      const event = (name) => new Promise((resolve, reject) => {
        video.addEventListener(name, resolve, { once: true });
        video.addEventListener('error', () => reject(new Error(`the video: ${video.error?.message}`)), { once: true });
      });
      await event('loadeddata');
      const sought = event('seeked');
      video.currentTime = video.duration / 2;
      await sought;
      return [begun.status, ready.type, video.videoWidth, video.duration > 0.5, Boolean(ready.preview_url && ready.blurhash)];
    }, [base, k.token]);
    same(seen, [202, 'video', 96, true, true]);
  });

  // --- leaving, and the documentation ---------------------------------------------------------------
  await step('signs out', async () => {
    const [revoked, after] = await inApp(async ([base, app, token]) => {
      const got = await fetch(`${base}/oauth/revoke`, {
        method: 'POST', body: new URLSearchParams({ client_id: app.client_id, client_secret: app.client_secret, token }),
      });
      const after = await fetch(`${base}/api/v1/accounts/verify_credentials`, { headers: { authorization: `Bearer ${token}` } });
      return [got.status, after.status];
    }, [base, k.app, k.token]);
    same([revoked, after], [200, 401]);
  });
  for (const [path, sign] of [['/api/docs', '.opblock-tag'], ['/api/redoc', '[data-section-id], [role=main] h1, .menu-content']]) {
    await step(`shows ${path}, from this server alone and within its policy`, async () => {
      const reader = await context.newPage();
      const elsewhere = [];
      const said = [];
      reader.on('request', (request) => {
        if (!request.url().startsWith(base) && !/^(data|blob):/.test(request.url())) elsewhere.push(request.url());
      });
      reader.on('console', (message) => {
        if (message.type() === 'error') said.push(message.text());
      });
      reader.on('pageerror', (error) => said.push(String(error)));
      const answer = await reader.goto(base + path);
      same(answer.status(), 200);
      assert(/default-src 'none'/.test(answer.headers()['content-security-policy'] ?? ''), 'no policy');
      await reader.waitForSelector(sign, { state: 'attached' });
      same([elsewhere, said], [[], []]);
      await reader.close();
    });
  }
} finally {
  await context.close();
  home.close();
  rmSync(profile, { recursive: true, force: true });
}
journey.finish();
