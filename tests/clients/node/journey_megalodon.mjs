// An unmodified megalodon, which finds out by itself what kind of server it talks to.
// node journey_megalodon.mjs --base URL --token T --other-token T

import { writeFileSync, mkdtempSync, createReadStream, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import generator, { detector } from 'megalodon';

import { Journey, absent, assert, eventually, ids, kept, options, png, refused, same, sleep, within } from './journey.mjs';

const { base, token, 'other-token': otherToken } = options('base', 'token', 'other-token');
const tag = `mega${Date.now().toString(36)}`;
const journey = new Journey();
const step = journey.step.bind(journey);
const k = kept();
const data = async (call) => (await call).data;

await step('finds out what the server is', async () => {
  k.kind = await detector(base);
  same(k.kind, 'mastodon');
});
const client = (accessToken) => generator('mastodon', base, accessToken);
const [anyone, me, other] = [client(null), client(token), client(otherToken)];

await step('reads the instance', async () => {
  const instance = await data(anyone.getInstance());
  assert(instance.urls?.streaming_api?.startsWith('ws') ?? true, JSON.stringify(instance.urls));
  for (const name of ['getInstancePeers', 'getInstanceCustomEmojis', 'getInstanceActivity', 'getInstanceTrends', 'getInstanceDirectory']) {
    assert(Array.isArray(await data(anyone[name]())), `${name} gave no list`);
  }
  assert(Array.isArray(await data(me.getInstanceAnnouncements())), 'announcements');
});
await step('registers an app and is sent to the sign-in page', async () => {
  const app = await anyone.registerApp('Megalodon', { scopes: ['read', 'write'], redirect_uris: 'http://localhost:3000/back' });
  const page = await fetch(app.url, { redirect: 'follow' });
  same(page.status, 200);
  assert((await page.text()).includes('type="password"'), 'no sign-in form');
});
await step('verifies its credentials', async () => {
  [k.me, k.other] = [await data(me.verifyAccountCredentials()), await data(other.verifyAccountCredentials())];
  assert(k.me.source, 'no source');
  await refused(401, () => client('nonsense').verifyAccountCredentials());
});
await step('changes its profile', async () => {
  same((await data(me.updateCredentials({ display_name: 'Mega', note: 'testing' }))).display_name, 'Mega');
  assert(await data(me.getPreferences()), 'no preferences');
});
await step('posts, edits and reads the thread', async () => {
  k.post = await data(me.postStatus(`Hello #${tag}`, { visibility: 'public', spoiler_text: 'careful' }));
  same(k.post.spoiler_text, 'careful');
  const reply = await data(other.postStatus(`@${k.me.acct} hi`, { in_reply_to_id: k.post.id }));
  same(ids((await data(me.getStatusContext(k.post.id))).descendants), [reply.id]);
  await me.editStatus(k.post.id, { status: `Hello again #${tag}` });
  same((await data(me.getStatusSource(k.post.id))).text, `Hello again #${tag}`);
});
await step('uploads a picture and posts it', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'kith-megalodon-'));
  try {
    const path = join(dir, 'picture.png');
    writeFileSync(path, png(64, 48, 3));
    const made = await data(me.uploadMedia(createReadStream(path), { description: 'a gradient', focus: '0,0.5' }));
    const ready = await eventually('it is processed', async () => {
      const media = await data(me.getMedia(made.id));
      return media.url && media;
    });
    same([ready.type, ready.description], ['image', 'a gradient']);
    same((await data(me.updateMedia(made.id, { description: 'better' }))).description, 'better');
    const post = await data(me.postStatus('look', { media_ids: [made.id] }));
    same(post.media_attachments[0].id, made.id);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
await step('asks, and votes', async () => {
  const asked = await data(me.postStatus('which?', { poll: { options: ['this', 'that'], expires_in: 3600 } }));
  const voted = await data(other.votePoll(asked.poll.id, [0]));
  same([voted.voted, voted.options[0].votes_count], [true, 1]);
});
await step('schedules and cancels', async () => {
  const at = new Date(Date.now() + 7_200_000).toISOString();
  const later = await data(me.postStatus('later', { scheduled_at: at }));
  within(later.id, ids(await data(me.getScheduledStatuses())));
  await me.cancelScheduledStatus(later.id);
  absent(later.id, ids(await data(me.getScheduledStatuses())));
});
await step('favourites, bookmarks, boosts, pins, mutes', async () => {
  same((await data(other.favouriteStatus(k.post.id))).favourited, true);
  same((await data(other.bookmarkStatus(k.post.id))).bookmarked, true);
  same((await data(other.reblogStatus(k.post.id))).reblog.id, k.post.id);
  within(k.other.id, ids(await data(me.getStatusFavouritedBy(k.post.id))));
  within(k.other.id, ids(await data(me.getStatusRebloggedBy(k.post.id))));
  within(k.post.id, ids(await data(other.getFavourites())));
  within(k.post.id, ids(await data(other.getBookmarks())));
  same((await data(other.unfavouriteStatus(k.post.id))).favourited, false);
  same((await data(other.unbookmarkStatus(k.post.id))).bookmarked, false);
  await other.unreblogStatus(k.post.id);
  same((await data(me.pinStatus(k.post.id))).pinned, true);
  await me.unpinStatus(k.post.id);
  same((await data(me.muteStatus(k.post.id))).muted, true);
  await me.unmuteStatus(k.post.id);
});
await step('follows, mutes, blocks, notes', async () => {
  same((await data(me.followAccount(k.other.id))).following, true);
  same((await data(me.subscribeAccount(k.other.id))).notifying, true);
  within(k.other.id, ids(await data(me.getAccountFollowing(k.me.id))));
  within(k.me.id, ids(await data(me.getAccountFollowers(k.other.id))));
  same((await data(me.getRelationships([k.other.id])))[0].following, true);
  same((await data(me.setAccountNote(k.other.id, 'kind'))).note, 'kind');
  same((await data(other.muteAccount(k.me.id, true))).muting, true);
  within(k.me.id, ids(await data(other.getMutes())));
  await other.unmuteAccount(k.me.id);
  same((await data(other.blockAccount(k.me.id))).blocking, true);
  within(k.me.id, ids(await data(other.getBlocks())));
  await other.unblockAccount(k.me.id);
  same((await data(me.followAccount(k.other.id))).following, true);
  within(k.other.id, ids(await data(me.searchAccount(k.other.username))));
  same((await data(me.lookupAccount(k.other.acct))).id, k.other.id);
});
await step('blocks a domain, reports, features', async () => {
  await me.blockDomain('bad.example');
  within('bad.example', await data(me.getDomainBlocks()));
  await me.unblockDomain('bad.example');
  same((await data(me.report(k.other.id, { comment: 'a test', category: 'other' }))).target_account.id, k.other.id);
  const featured = await data(me.createFeaturedTag(tag));
  within(featured.id, ids(await data(me.getFeaturedTags())));
  await me.deleteFeaturedTag(featured.id);
  assert(Array.isArray(await data(me.getSuggestions())), 'suggestions');
  assert(Array.isArray(await data(me.getFollowRequests())), 'follow requests');
});
await step('reads timelines, and the next page by its Link', async () => {
  for (let n = 0; n < 3; n += 1) await other.postStatus(`page ${n} #${tag}p`);
  const first = await me.getTagTimeline(`${tag}p`, { limit: 2 });
  same(first.data.length, 2);
  const next = first.parseLinkHeader?.() ?? first.headers.link;
  assert(next, 'no Link header');
  const rest = await data(me.getTagTimeline(`${tag}p`, { limit: 2, max_id: first.data[1].id }));
  same(rest.length, 1);
  await eventually('it is at home', async () => ids(await data(me.getHomeTimeline())).includes(rest[0].id));
  within(rest[0].id, ids(await data(anyone.getLocalTimeline())));
  assert(Array.isArray(await data(anyone.getPublicTimeline())), 'public');
});
await step('keeps lists', async () => {
  const list = await data(me.createList('friends'));
  await me.addAccountsToList(list.id, [k.other.id]);
  same(ids(await data(me.getAccountsInList(list.id))), [k.other.id]);
  assert(Array.isArray(await data(me.getListTimeline(list.id))), 'timeline');
  same((await data(me.updateList(list.id, 'others'))).title, 'others');
  await me.deleteAccountsFromList(list.id, [k.other.id]);
  await me.deleteList(list.id);
  absent(list.id, ids(await data(me.getLists())));
});
await step('filters, as older clients do', async () => {
  const filter = await data(me.createFilter('old words', ['home']));
  same((await data(me.updateFilter(filter.id, 'older words', ['home']))).phrase, 'older words');
  within(filter.id, ids(await data(me.getFilters())));
  await me.deleteFilter(filter.id);
});
await step('follows a tag, saves its place, searches', async () => {
  same((await data(me.followTag(tag))).following, true);
  within(tag, (await data(me.getFollowedTags())).map((t) => t.name));
  await me.unfollowTag(tag);
  same((await data(me.saveMarkers({ home: { last_read_id: k.post.id } }))).home.last_read_id, k.post.id);
  same((await data(me.getMarkers(['home']))).home.last_read_id, k.post.id);
  const found = await data(me.search(tag));
  within(tag, found.hashtags.map((t) => t.name));
});
await step('is told', async () => {
  await other.favouriteStatus(k.post.id);
  const told = await eventually('a favourite is told', async () => (await data(me.getNotifications())).find((n) => n.type === 'favourite'));
  same((await data(me.getNotification(told.id))).status.id, k.post.id);
  await me.dismissNotification(told.id);
  await refused(404, () => me.getNotification(told.id));
  await me.dismissNotifications();
  same(await data(me.getNotifications()), []);
});
await step('has conversations', async () => {
  const secret = await data(me.postStatus(`@${k.other.acct} psst`, { visibility: 'direct' }));
  const found = (await data(other.getConversationTimeline())).find((c) => c.last_status?.id === secret.id);
  assert(found, 'no conversation');
  await other.readConversation(found.id);
  await other.deleteConversation(found.id);
});
await step('streams over a WebSocket, the token in its address', async () => {
  const stream = await me.userStreaming();
  const seen = [];
  for (const name of ['update', 'notification', 'delete', 'status_update']) stream.on(name, (what) => seen.push([name, what]));
  // It is under way already.
  await new Promise((resolve, reject) => {
    stream.once('connect', resolve);
    stream.once('error', reject);
  });
  await sleep(500);
  const post = await data(other.postStatus(`@${k.me.acct} live`));
  const event = (name, check) => eventually(`a '${name}'`, async () => seen.some(([n, what]) => n === name && check(what)));
  await event('update', (s) => s.id === post.id);
  await event('notification', (n) => n.status?.id === post.id);
  await other.deleteStatus(post.id);
  await event('delete', (id) => id === post.id);
  stream.stop();
});
await step('deletes', async () => {
  await me.deleteStatus(k.post.id);
  await refused(404, () => me.getStatus(k.post.id));
});
journey.finish();
