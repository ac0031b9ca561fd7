// An unmodified masto.js walks through the whole client API.
// node journey_masto.mjs --base URL --token T --other-token T --third-token T

import { createRestAPIClient, createStreamingAPIClient } from 'masto';

import { Journey, absent, assert, eventually, ids, kept, options, png, refused, same, sleep, within } from './journey.mjs';

const { base, token, 'other-token': otherToken, 'third-token': thirdToken } = options('base', 'token', 'other-token', 'third-token');
const tag = `masto${Date.now().toString(36)}`;
const journey = new Journey();
const step = journey.step.bind(journey);
const k = kept();
const client = (accessToken) => createRestAPIClient({ url: base, accessToken });
const [anyone, me, other, third] = [client(), client(token), client(otherToken), client(thirdToken)];
const picture = (seed) => new Blob([png(64, 48, seed)], { type: 'image/png' });

// --- the instance -----------------------------------------------------------------------------
await step('reads the instance, both versions', async () => {
  k.instance = await anyone.v2.instance.fetch();
  assert(k.instance.configuration.urls.streaming.startsWith('ws'), 'no streaming address');
  assert(k.instance.version.startsWith('4.'), k.instance.version);
  assert(k.instance.configuration.mediaAttachments.supportedMimeTypes.includes('image/png'), 'no PNG');
  same((await anyone.v1.instance.fetch()).uri.length > 0, true);
});
await step('reads what else an instance tells', async () => {
  assert(Array.isArray(await anyone.v1.instance.peers.list()), 'peers');
  assert(Array.isArray(await anyone.v1.instance.activity.list()), 'activity');
  assert('content' in await anyone.v1.instance.extendedDescription.fetch(), 'extended description');
  assert(typeof await anyone.v1.instance.translationLanguages.fetch() === 'object', 'translation languages');
  assert(Array.isArray(await anyone.v1.customEmojis.list()), 'custom emoji');
  assert(Array.isArray(await me.v1.announcements.list()), 'announcements');
});
await step('registers an app with JSON', async () => {
  const app = await anyone.v1.apps.create({ clientName: 'Masto', redirectUris: 'urn:ietf:wg:oauth:2.0:oob', scopes: 'read write' });
  assert(app.clientId && app.clientSecret, 'no credentials');
});

// --- oneself ----------------------------------------------------------------------------------
await step('verifies its credentials', async () => {
  [k.me, k.other, k.third] = await Promise.all([me, other, third].map((c) => c.v1.accounts.verifyCredentials()));
  assert(k.me.source && k.me.id !== k.other.id, 'no source');
});
await step('refuses a bad token', async () => {
  await refused(401, () => client('nonsense').v1.accounts.verifyCredentials());
});
await step('changes its profile, with a picture', async () => {
  const changed = await me.v1.accounts.updateCredentials({
    displayName: 'Masto', note: `I test. #${tag}`, avatar: picture(1), fieldsAttributes: [{ name: 'site', value: base }],
    source: { privacy: 'public', language: 'en' },
  });
  same([changed.displayName, changed.fields[0].name], ['Masto', 'site']);
  assert(changed.avatar !== k.me.avatar, 'the avatar is the old one');
});
await step('reads its preferences', async () => {
  same((await me.v1.preferences.fetch())['posting:default:visibility'], 'public');
});

// --- posts ------------------------------------------------------------------------------------
await step('posts, with a content warning and a tag', async () => {
  k.post = await me.v1.statuses.create({ status: `Hello #${tag}`, spoilerText: 'careful', language: 'en', visibility: 'public' });
  same([k.post.spoilerText, k.post.sensitive, k.post.tags[0].name], ['careful', true, tag]);
});
await step('takes an idempotency key once', async () => {
  const meta = { requestInit: { headers: { 'Idempotency-Key': `${tag}-1` } } };
  const [one, two] = [await me.v1.statuses.create({ status: 'once' }, meta), await me.v1.statuses.create({ status: 'once' }, meta)];
  same(one.id, two.id);
});
await step('answers, and reads the thread', async () => {
  k.reply = await other.v1.statuses.create({ status: `@${k.me.acct} hi`, inReplyToId: k.post.id });
  const context = await me.v1.statuses.$select(k.post.id).context.fetch();
  same(ids(context.descendants), [k.reply.id]);
  same(ids((await me.v1.statuses.$select(k.reply.id).context.fetch()).ancestors), [k.post.id]);
});
await step('reads several posts at once', async () => {
  same(ids(await me.v1.statuses.fetch({ id: [k.post.id, k.reply.id] })).sort(), [k.post.id, k.reply.id].sort());
});
await step('edits, and reads source and history', async () => {
  const edited = await me.v1.statuses.$select(k.post.id).update({ status: `Hello again #${tag}`, spoilerText: 'careful' });
  assert(edited.editedAt, 'no time of the edit');
  same((await me.v1.statuses.$select(k.post.id).source.fetch()).text, `Hello again #${tag}`);
  same((await me.v1.statuses.$select(k.post.id).history.list()).length, 2);
});
await step('uploads a picture and posts it', async () => {
  k.media = await me.v2.media.create({ file: picture(2), description: 'a gradient', focus: '0.5,0.5' });
  same([k.media.type, k.media.description, k.media.meta.original.width], ['image', 'a gradient', 64]);
  const changed = await me.v1.media.$select(k.media.id).update({ description: 'a better word' });
  same(changed.description, 'a better word');
  const post = await me.v1.statuses.create({ status: 'look', mediaIds: [k.media.id] });
  same(post.mediaAttachments[0].id, k.media.id);
  same((await fetch(post.mediaAttachments[0].url)).status, 200);
});
await step('refuses a file that is none', async () => {
  await refused(422, () => me.v2.media.create({ file: new Blob(['just words'], { type: 'image/png' }) }));
});
await step('asks, and votes', async () => {
  const asked = await me.v1.statuses.create({ status: 'which?', poll: { options: ['this', 'that'], expiresIn: 3600 } });
  same(asked.poll.options.map((o) => o.title), ['this', 'that']);
  const voted = await other.v1.polls.$select(asked.poll.id).votes.create({ choices: [1] });
  same([voted.voted, voted.ownVotes, voted.votesCount], [true, [1], 1]);
  same((await me.v1.polls.$select(asked.poll.id).fetch()).options[1].votesCount, 1);
  await refused(422, () => other.v1.polls.$select(asked.poll.id).votes.create({ choices: [0] }));
});
await step('quotes', async () => {
  const open = await me.v1.statuses.create({ status: 'quote me', quoteApprovalPolicy: 'public' });
  const quote = await other.v1.statuses.create({ status: 'as they say', quotedStatusId: open.id });
  same([quote.quote.state, quote.quote.quotedStatus.id], ['accepted', open.id]);
  within(quote.id, ids(await me.v1.statuses.$select(open.id).quotes.list()));
});
await step('schedules, moves and cancels', async () => {
  const at = (hours) => new Date(Date.now() + hours * 3_600_000).toISOString();
  const later = await me.v1.statuses.create({ status: 'later', scheduledAt: at(1) });
  same(later.params.text, 'later');
  within(later.id, ids(await me.v1.scheduledStatuses.list()));
  const moved = await me.v1.scheduledStatuses.$select(later.id).update({ scheduledAt: at(2) });
  assert(moved.scheduledAt !== later.scheduledAt, 'it was not moved');
  await me.v1.scheduledStatuses.$select(later.id).remove();
  await refused(404, () => me.v1.scheduledStatuses.$select(later.id).fetch());
});
await step('favourites, bookmarks, boosts, and undoes it', async () => {
  const it = other.v1.statuses.$select(k.post.id);
  same((await it.favourite()).favourited, true);
  same((await it.bookmark()).bookmarked, true);
  same((await it.reblog()).reblog.id, k.post.id);
  within(k.other.id, ids(await me.v1.statuses.$select(k.post.id).favouritedBy.list()));
  within(k.other.id, ids(await me.v1.statuses.$select(k.post.id).rebloggedBy.list()));
  within(k.post.id, ids(await other.v1.favourites.list()));
  within(k.post.id, ids(await other.v1.bookmarks.list()));
  same((await it.unbookmark()).bookmarked, false);
  same((await it.unfavourite()).favourited, false);
  same((await it.unreblog()).reblogged, false);
});
await step('pins, and mutes a conversation', async () => {
  const it = me.v1.statuses.$select(k.post.id);
  same((await it.pin()).pinned, true);
  within(k.post.id, ids(await me.v1.accounts.$select(k.me.id).statuses.list({ pinned: true })));
  same((await it.unpin()).pinned, false);
  same((await it.mute()).muted, true);
  same((await it.unmute()).muted, false);
});
await step('deletes, and gets its text back', async () => {
  const post = await me.v1.statuses.create({ status: 'to be *gone*' });
  same((await me.v1.statuses.$select(post.id).remove()).text, 'to be *gone*');
  await refused(404, () => me.v1.statuses.$select(post.id).fetch());
});
await step('keeps a direct post between two', async () => {
  const secret = await me.v1.statuses.create({ status: `@${k.other.acct} psst`, visibility: 'direct' });
  same((await other.v1.statuses.$select(secret.id).fetch()).visibility, 'direct');
  await refused(404, () => third.v1.statuses.$select(secret.id).fetch());
  k.secret = secret;
});
await step('lists conversations, reads and removes one', async () => {
  const found = (await other.v1.conversations.list()).find((c) => c.lastStatus?.id === k.secret.id);
  assert(found?.unread, 'no unread conversation');
  same((await other.v1.conversations.$select(found.id).read()).unread, false);
  await other.v1.conversations.$select(found.id).remove();
  absent(found.id, ids(await other.v1.conversations.list()));
});

// --- people -----------------------------------------------------------------------------------
await step('looks people up', async () => {
  same((await anyone.v1.accounts.lookup({ acct: k.other.acct })).id, k.other.id);
  within(k.other.id, ids(await me.v1.accounts.search.list({ q: k.other.username })));
  same(ids(await me.v1.accounts.fetch({ id: [k.me.id, k.other.id] })).length, 2);
});
await step('follows, with its options', async () => {
  const relation = await other.v1.accounts.$select(k.me.id).follow({ notify: true, reblogs: false });
  same([relation.following, relation.notifying, relation.showingReblogs], [true, true, false]);
  await me.v1.accounts.$select(k.other.id).follow();
  within(k.other.id, ids(await me.v1.accounts.$select(k.me.id).followers.list()));
  within(k.other.id, ids(await me.v1.accounts.$select(k.me.id).following.list()));
  const [seen] = await me.v1.accounts.relationships.fetch({ id: [k.other.id] });
  same([seen.following, seen.followedBy], [true, true]);
});
await step('asks a locked account, and is let in', async () => {
  await third.v1.accounts.updateCredentials({ locked: true });
  same((await me.v1.accounts.$select(k.third.id).follow()).requested, true);
  within(k.me.id, ids(await third.v1.followRequests.list()));
  await third.v1.followRequests.$select(k.me.id).authorize();
  const [seen] = await me.v1.accounts.relationships.fetch({ id: [k.third.id] });
  same([seen.following, seen.requested], [true, false]);
  await third.v1.accounts.updateCredentials({ locked: false });
});
await step('writes a private note', async () => {
  same((await me.v1.accounts.$select(k.other.id).note.create({ comment: 'kind' })).note, 'kind');
});
await step('mutes and blocks', async () => {
  const it = me.v1.accounts.$select(k.third.id);
  same((await it.mute({ notifications: true, duration: 3600 })).muting, true);
  within(k.third.id, ids(await me.v1.mutes.list()));
  same((await it.unmute()).muting, false);
  same((await it.block()).blocking, true);
  within(k.third.id, ids(await me.v1.blocks.list()));
  same((await it.unblock()).blocking, false);
});
await step('blocks a domain', async () => {
  await me.v1.domainBlocks.create({ domain: 'bad.example' });
  within('bad.example', await me.v1.domainBlocks.list());
  await me.v1.domainBlocks.remove({ domain: 'bad.example' });
  absent('bad.example', await me.v1.domainBlocks.list());
});
await step('features people and tags', async () => {
  same((await me.v1.accounts.$select(k.other.id).endorse()).endorsed, true);
  within(k.other.id, ids(await me.v1.accounts.$select(k.me.id).endorsements.list()));
  same((await me.v1.accounts.$select(k.other.id).unendorse()).endorsed, false);
  const featured = await me.v1.featuredTags.create({ name: tag });
  within(tag, (await me.v1.accounts.$select(k.me.id).featuredTags.list()).map((t) => t.name));
  await me.v1.featuredTags.$select(featured.id).remove();
  absent(featured.id, ids(await me.v1.featuredTags.list()));
});
await step('finds whom its people know, and is given suggestions', async () => {
  const [familiar] = await me.v1.accounts.familiarFollowers.fetch({ id: [k.third.id] });
  same(familiar.id, k.third.id);
  assert(Array.isArray(await me.v2.suggestions.list()), 'suggestions');
  assert(Array.isArray(await anyone.v1.directory.list({ local: true })), 'directory');
});
await step('removes a follower', async () => {
  await third.v1.accounts.$select(k.me.id).follow();
  await me.v1.accounts.$select(k.third.id).removeFromFollowers();
  const [seen] = await me.v1.accounts.relationships.fetch({ id: [k.third.id] });
  same(seen.followedBy, false);
});
await step('reports', async () => {
  const report = await me.v1.reports.create({ accountId: k.third.id, comment: 'a test', category: 'spam' });
  same([report.category, report.targetAccount.id], ['spam', k.third.id]);
});

// --- timelines --------------------------------------------------------------------------------
await step('pages a timeline', async () => {
  for (let n = 0; n < 5; n += 1) await other.v1.statuses.create({ status: `page ${n} #${tag}p` });
  const pages = me.v1.timelines.tag.$select(`${tag}p`).list({ limit: 2 });
  const seen = [];
  for await (const page of pages) seen.push(...ids(page));
  same([seen.length, new Set(seen).size], [5, 5]);
});
await step('reads home and public', async () => {
  k.news = await other.v1.statuses.create({ status: `news #${tag}` });
  await eventually('it is at home', async () => ids(await me.v1.timelines.home.list({ limit: 5 })).includes(k.news.id));
  within(k.news.id, ids(await anyone.v1.timelines.public.list({ local: true, limit: 40 })));
});
await step('keeps lists', async () => {
  const list = await me.v1.lists.create({ title: 'friends', exclusive: true });
  const it = me.v1.lists.$select(list.id);
  same((await it.update({ title: 'good friends' })).title, 'good friends');
  await it.accounts.create({ accountIds: [k.other.id] });
  same(ids(await it.accounts.list()), [k.other.id]);
  within(list.id, ids(await me.v1.accounts.$select(k.other.id).lists.list()));
  const post = await other.v1.statuses.create({ status: 'for the list' });
  await eventually('it is in the list', async () => ids(await me.v1.timelines.list.$select(list.id).list()).includes(post.id));
  await it.accounts.remove({ accountIds: [k.other.id] });
  same(await it.accounts.list(), []);
  await it.remove();
  absent(list.id, ids(await me.v1.lists.list()));
});
await step('follows a tag', async () => {
  same((await me.v1.tags.$select(`${tag}f`).follow()).following, true);
  within(`${tag}f`, (await me.v1.followedTags.list()).map((t) => t.name));
  const post = await third.v1.statuses.create({ status: `a stranger's #${tag}f` });
  await eventually('it is at home', async () => ids(await me.v1.timelines.home.list({ limit: 10 })).includes(post.id));
  same((await me.v1.tags.$select(`${tag}f`).unfollow()).following, false);
});
await step('filters', async () => {
  const filter = await me.v2.filters.create({
    title: 'spoilers', context: ['home', 'public'], filterAction: 'warn', keywordsAttributes: [{ keyword: `${tag}x`, wholeWord: true }],
  });
  same(filter.keywords[0].keyword, `${tag}x`);
  const post = await other.v1.statuses.create({ status: `this is ${tag}x indeed` });
  const seen = await me.v1.statuses.$select(post.id).fetch();
  same(seen.filtered.map((f) => f.filter.id), [filter.id]);
  const word = await me.v2.filters.$select(filter.id).keywords.create({ keyword: 'more' });
  same((await me.v2.filters.$select(filter.id).fetch()).keywords.length, 2);
  await me.v2.filters.keywords.$select(word.id).remove();
  const hidden = await me.v2.filters.$select(filter.id).statuses.create({ statusId: k.news.id });
  same((await me.v2.filters.statuses.$select(hidden.id).fetch()).statusId, k.news.id);
  same((await me.v2.filters.$select(filter.id).update({ title: 'words' })).title, 'words');
  await me.v2.filters.$select(filter.id).remove();
  same(await me.v2.filters.list(), []);
});
await step('filters, as older clients do', async () => {
  const filter = await me.v1.filters.create({ phrase: 'old words', context: ['home'] });
  same((await me.v1.filters.$select(filter.id).fetch()).phrase, 'old words');
  await me.v1.filters.$select(filter.id).remove();
});
await step('remembers where it was', async () => {
  const saved = await me.v1.markers.create({ home: { lastReadId: k.news.id } });
  same(saved.home.lastReadId, k.news.id);
  same((await me.v1.markers.fetch({ timeline: ['home'] })).home.lastReadId, k.news.id);
});
await step('searches', async () => {
  const found = await me.v2.search.list({ q: tag });
  within(tag, found.hashtags.map((t) => t.name));
  const people = await me.v2.search.list({ q: k.other.username, type: 'accounts' });
  within(k.other.id, ids(people.accounts));
  const posts = await me.v2.search.list({ q: 'Hello again', type: 'statuses' });
  within(k.post.id, ids(posts.statuses));
});
await step('asks what trends', async () => {
  for (const list of [anyone.v1.trends.tags, anyone.v1.trends.statuses, anyone.v1.trends.links]) {
    assert(Array.isArray(await list.list()), 'no list');
  }
});

// --- notifications ----------------------------------------------------------------------------
await step('is told', async () => {
  await other.v1.statuses.$select(k.post.id).favourite();
  await third.v1.statuses.$select(k.post.id).favourite();
  k.told = await eventually('a favourite is told', async () => {
    const list = await me.v1.notifications.list({ types: ['favourite'] });
    return list.length >= 2 && list[0];
  });
  same((await me.v1.notifications.$select(k.told.id).fetch()).type, 'favourite');
  assert((await me.v1.notifications.unreadCount.fetch()).count > 0, 'nothing is unread');
  absent('favourite', (await me.v1.notifications.list({ excludeTypes: ['favourite'] })).map((n) => n.type));
});
await step('is told in groups', async () => {
  const { notificationGroups: groups, accounts, statuses } = await me.v2.notifications.list({ types: ['favourite'] });
  const group = groups.find((g) => g.statusId === k.post.id);
  same([group.type, group.notificationsCount], ['favourite', 2]);
  within(k.post.id, ids(statuses));
  assert(accounts.length >= 2, 'no accounts');
  same(ids(await me.v2.notifications.$select(group.groupKey).accounts.fetch()).length, 2);
  await me.v2.notifications.$select(group.groupKey).dismiss();
  await refused(404, () => me.v2.notifications.$select(group.groupKey).fetch());
});
await step('decides who may notify it', async () => {
  const policy = await me.v2.notifications.policy.update({ forNotFollowing: 'filter' });
  same(policy.forNotFollowing, 'filter');
  await third.v1.statuses.create({ status: `@${k.me.acct} from a stranger` });
  same((await me.v2.notifications.policy.fetch()).forNotFollowing, 'filter');
  assert(Array.isArray(await me.v1.notifications.requests.list()), 'no requests');
  await me.v2.notifications.policy.update({ forNotFollowing: 'accept' });
});
await step('clears what it was told', async () => {
  await me.v1.notifications.clear();
  same(await me.v1.notifications.list(), []);
});
await step('subscribes to push', async () => {
  const keys = await crypto.subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, true, ['deriveBits']);
  const p256dh = Buffer.from(await crypto.subtle.exportKey('raw', keys.publicKey)).toString('base64url');
  const auth = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('base64url');
  const made = await me.v1.push.subscription.create({
    subscription: { endpoint: `${base}/nowhere`, keys: { p256dh, auth } }, data: { alerts: { mention: true } }, policy: 'all',
  });
  same([made.alerts.mention, made.serverKey.length > 40], [true, true]);
  same((await me.v1.push.subscription.update({ data: { alerts: { mention: false } } })).alerts.mention, false);
  same((await me.v1.push.subscription.fetch()).endpoint, `${base}/nowhere`);
  await me.v1.push.subscription.remove();
  await refused(404, () => me.v1.push.subscription.fetch());
});

// --- streams ----------------------------------------------------------------------------------
/** The events of a subscription as they come. */
function collect(subscription) {
  const events = [];
  (async () => {
    for await (const event of subscription) events.push(event);
  })().catch(() => {});
  return (name, check) => eventually(`a '${name}' event`, async () => events.find((e) => e.event === name && check(e.payload)));
}

await step('streams over one socket, the token in its protocol', async () => {
  const streams = createStreamingAPIClient({ streamingApiUrl: k.instance.configuration.urls.streaming, accessToken: token });
  try {
    const user = collect(streams.user.subscribe());
    const hashtag = collect(streams.hashtag.subscribe({ tag: `${tag}s` }));
    const local = collect(streams.public.local.subscribe());
    await streams.prepare();
    await sleep(500);
    const post = await other.v1.statuses.create({ status: `@${k.me.acct} live #${tag}s` });
    const its = (s) => s.id === post.id;
    await Promise.all([user('update', its), hashtag('update', its), local('update', its)]);
    await user('notification', (n) => n.type === 'mention' && n.status.id === post.id);
    await other.v1.statuses.$select(post.id).update({ status: `@${k.me.acct} still live #${tag}s` });
    await user('status.update', its);
    await other.v1.statuses.$select(post.id).remove();
    await user('delete', (id) => id === post.id);
    const direct = collect(streams.direct.subscribe());
    await sleep(300);
    const secret = await other.v1.statuses.create({ status: `@${k.me.acct} psst`, visibility: 'direct' });
    await direct('conversation', (c) => c.lastStatus?.id === secret.id);
  } finally {
    streams.close();
  }
});
journey.finish();
