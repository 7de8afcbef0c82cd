-- Tokens are offered to those that wait, and the moment is noted at which the next one will fit.
--
-- Race:      The head of a line held by a client × other lines (31, 39, 41)
-- Sessions:  A: the row of the head, or of an instance that was offered its tokens, open; B: picks
--            with one slot.
-- Guard:     Slots are counted for instances that the pick can lock.
-- Mutations: They are counted for all that wait → 31, 39, 41 (the other line never starts).
--
-- Race:      Tokens offered × the pick that claims (23–30)
-- Sessions:  One call: slots for some of the instances that fit, more urgent ready ones, one that
--            needs a slot as well.
-- Guard:     Those beyond the free slots become `ready` and keep their offer. A line that was not
--            used up keeps a doorbell. An instance with a concurrency key is not answered.
-- Mutations: No offer → 27, 29; no doorbell → 24, 25, 26; one with a concurrency key is answered →
--            23; the claim goes before more urgent ready ones → 27, 28, 29; it goes after less
--            urgent ones → 30.
begin;
set local client_min_messages = error;
\ir ../prelude.psql
select plan(48);
create function pg_temp.offer() returns void language plpgsql as $$
begin
    perform gendurable._expand_name_doorbells('rate_limit');
    perform gendurable._offer_tokens();
end
$$;

create function pg_temp.put_rated(p_fsm text, p_key text, p_weight float8 default 1, p_more jsonb default '{}')
    returns void language sql as $$
    select pg_temp.put(p_fsm, jsonb_build_object('rate_limit', p_key, 'weight', p_weight) || p_more)
$$;
create function pg_temp.phases() returns text language sql as $$
    select string_agg(i.fsm || ':' || i.phase, ' ' order by i.fsm) from gendurable.instances as i $$;
create function pg_temp.due(p_key text) returns text language sql as $$
    select case when b.due_at = 'infinity' then 'never'
        else round((extract(epoch from b.due_at - clock_timestamp()) / 3600)::numeric, 1)::text end
        from gendurable.buckets as b where b.key = p_key
$$;

select gd_set_rate_limit('r', 1, '1 hour', 3) \g /dev/null
select pg_temp.put_rated('1', 'r:1'), pg_temp.put_rated('2', 'r:1', 2), pg_temp.put_rated('3', 'r:1', 2),
    pg_temp.put_rated('4', 'r:1'), pg_temp.put_rated('5', 'r:2', 4), pg_temp.put_rated('6', 'r:3') \g /dev/null
select pg_temp.offer() \g /dev/null
select is(pg_temp.phases(), '1:ready 2:ready 3:throttled 4:throttled 5:throttled 6:ready',
    'of each line the prefix that fits');
select is(pg_temp.due('r:1') || ' ' || pg_temp.due('r:2') || ' ' || coalesce(pg_temp.due('r:3'), '-'), '2.0 never -',
    'noted is when the head of what is left will fit: in time, never, none waits');
select is((select round(tokens) from gendurable.buckets where key = 'r:1'), 3::float8, 'an offer draws nothing');
select is((select count(*)::int from gendurable.doorbells where kind = 'tokens'), 0, 'each doorbell is answered once');
select gendurable._ring(null, '{r:1}'), pg_temp.offer() \g /dev/null
select is(pg_temp.phases(), '1:ready 2:ready 3:throttled 4:throttled 5:throttled 6:ready',
    'what was offered counts as long as it is not taken');
update gendurable.buckets set due_at = now() - interval '1 s', refilled_at = refilled_at - interval '2 hours',
    tokens = 3 where key = 'r:1';
update gendurable.instances set phase = 'executing' where fsm = '1';
select pg_temp.offer() \g /dev/null
select is(pg_temp.phases(), '1:executing 2:ready 3:throttled 4:throttled 5:throttled 6:ready',
    'due without a doorbell: 3 tokens less 2 that are offered do not do for 2');
select is(pg_temp.due('r:1'), '1.0', 'in an hour they do');
delete from gendurable.instances; delete from gendurable.buckets;

-- Offers that no pick takes.
select gd_pause('a') \g /dev/null
select pg_temp.put_rated('1 paused', 'r', 3, '{"queue": "a"}'),
    pg_temp.put_rated('2 deserted', 'r', 3, '{"queue": "nobody"}'), pg_temp.put_rated('3', 'r', 3),
    pg_temp.put_rated('4', 'r', 3) \g /dev/null
select pg_temp.offer() \g /dev/null
select is(pg_temp.phases(), '1 paused:ready 2 deserted:ready 3:ready 4:throttled',
    'the head of each line; those that cannot start have lines of their own');
select gendurable._ring(null, '{r}'), pg_temp.offer(), gendurable._ring(null, '{r}'),
    gendurable._offer_tokens() \g /dev/null
select is(pg_temp.phases(), '1 paused:ready 2 deserted:ready 3:ready 4:throttled',
    'an offer in a queue that is paused or has no worker keeps the tokens from no other');
select is(pg_temp.pick(9), '3', 'so they are drawn by who starts');
delete from gendurable.instances; delete from gendurable.buckets;

-- A long line.
select gd_set_rate_limit('long', 1000, '1 s') \g /dev/null
insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm,
    queue, rate_limit)
select now(), now(), now(), 'throttled', 's', '{}', 0, 1, 'm', 'q', 'long' from generate_series(1, 250);
insert into gendurable.doorbells (kind, key) select 'tokens', 'long' from generate_series(1, 50);
select pg_temp.offer() \g /dev/null
select is((select count(*)::int from gendurable.instances where phase = 'ready'), 100, 'one look goes a hundred far');
select is((select count(*)::int from gendurable.doorbells where kind = 'tokens'), 1, 'and is followed by another');
select pg_temp.offer(), gendurable._offer_tokens() \g /dev/null
select is((select count(*)::int from gendurable.instances where phase = 'ready'), 250, 'until the line is gone');
delete from gendurable.instances; delete from gendurable.buckets;
delete from gendurable.doorbells where kind = 'tokens';
-- Many lines.
insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm,
    queue, rate_limit)
select now(), now(), now(), 'throttled', 's', '{}', 0, 1, 'm', 'q',
    'long:' || n % 100 from generate_series(1, 10000) as n;
select gendurable._ring(null, array_agg('long:' || n)), pg_temp.offer() from generate_series(0, 99) as n \g /dev/null
select is((select string_agg(distinct n::text, ' ')
    from (select count(*) filter (where i.phase = 'ready') as n from gendurable.instances as i group by i.rate_limit)
    as x), '50',
    'of a hundred long lines one look goes less far into each');
select pg_temp.offer() \g /dev/null
select is((select count(*)::int from gendurable.instances where phase = 'throttled'), 0, 'the next one sees the rest');
delete from gendurable.instances; delete from gendurable.buckets;
delete from gendurable.doorbells where kind = 'tokens';
select count(pg_temp.put_rated('m' || n, 'r:' || n)) from generate_series(1, 600) as n \g /dev/null
select pg_temp.offer() \g /dev/null
select is((select count(*)::int from gendurable.instances where phase = 'ready'), 500, 'five hundred keys in one call');
select is((select count(*)::int from gendurable.doorbells where kind = 'tokens'), 100,
    'the others are for the next one');
delete from gendurable.instances; delete from gendurable.buckets;
delete from gendurable.doorbells where kind = 'tokens';

-- Beside a concurrency key, and far away.
select pg_temp.put('k', '{"rate_limit": "r", "concurrency_key": "k"}') \g /dev/null
update gendurable.instances set phase = 'throttled' where fsm = 'k';
delete from gendurable.doorbells where kind <> 'tokens';
select gendurable._ring(null, '{r}'), pg_temp.offer() \g /dev/null
select is(pg_temp.phase('k'), 'held', 'one with a key waits for its slot next');
select is((select string_agg(key, ' ') from gendurable.doorbells where kind = 'slot'), 'k', 'and is looked at');
delete from gendurable.instances; delete from gendurable.buckets;
select pg_temp.put_rated('1', 'r', 3, '{"priority": -1}'),
    pg_temp.put_rated('2', 'r', 1, '{"concurrency_key": "l"}') \g /dev/null
update gendurable.instances set phase = 'ready' where fsm = '2';
delete from gendurable.doorbells where kind <> 'tokens';
select pg_temp.offer() \g /dev/null
select is(pg_temp.phases(), '1:ready 2:throttled', 'tokens that were offered go to a more urgent instance');
select is((select string_agg(key, ' ') from gendurable.doorbells where kind = 'slot'), 'l',
    'and the slot that was offered beside them is free');
delete from gendurable.instances; delete from gendurable.buckets;
select gd_set_rate_limit('slow', 1e-300, '1 year') \g /dev/null
select pg_temp.put_rated('s1', 'slow'), pg_temp.put_rated('s2', 'slow') \g /dev/null
select is(pg_temp.pick(1), 's1', 'however slow a limit, a new key is full');
select is((select due_at > now() + interval '99 years' and due_at < 'infinity' from gendurable.buckets
    where key = 'slow'), true, 'and the next one is due within the calendar');
delete from gendurable.instances; delete from gendurable.buckets;

-- For a pick: the first of its queue are answered as they are, and claimed without a detour.
delete from gendurable.doorbells;
select gd_set_rate_limit('p', 1, '1 hour', 5) \g /dev/null
select pg_temp.put_rated('1 first', 'p:1'), pg_temp.put_rated('2 other queue', 'p:1', 1, '{"queue": "a"}'),
    pg_temp.put_rated('3 keyed', 'p:1', 1, '{"concurrency_key": "kk"}'),
       pg_temp.put_rated('4 second', 'p:1'), pg_temp.put_rated('5 third', 'p:1'),
       pg_temp.put_rated('6 does not fit', 'p:1', 3) \g /dev/null
update gendurable.instances set phase = 'throttled' where fsm = '3 keyed';
select is((select array_agg(i.fsm) from unnest(gendurable._offer_tokens(array(select gendurable._kinds(:me, 'q')), 1))
    as m (id) join gendurable.instances as i on i.id = m.id), '{1 first}', 'as many as the pick has slots');
select is(pg_temp.phases(),
    '1 first:throttled 2 other queue:ready 3 keyed:held 4 second:throttled 5 third:throttled 6 does not fit:throttled',
    'it stays where it is; what comes later in the queue waits for a later pick, others are offered theirs');
select is((select string_agg(distinct r.key, ' ') from gendurable.doorbells as r where r.kind = 'tokens'), 'p:1',
    'which looks at the line again');
select is(pg_temp.pick(9), '1 first 3 keyed 4 second 5 third', 'a pick claims all that fit, in order');
select is(pg_temp.pick(9) || ' ' || pg_temp.phases(),
    '- 1 first:executing 2 other queue:ready 3 keyed:executing 4 second:executing 5 third:executing 6 does not '
    'fit:throttled', 'and nothing else');
select pg_temp.put_rated('7 offered', 'p:2'), pg_temp.put('8 urgent', '{"priority": -1}') \g /dev/null
select is(pg_temp.pick(1) || ' ' || pg_temp.phase('7 offered'), '8 urgent ready',
    'one that finds the slots taken by more urgent work keeps the offer');
select is((select round(b.tokens) from gendurable._bucket('p:2', now()) as b), 5::float8,
    'for which nothing was drawn');
select is(pg_temp.pick(1), '7 offered', 'until it is picked');
select pg_temp.put('8 ready'), pg_temp.put_rated('9 urgent', 'p:3', 1, '{"priority": -1}') \g /dev/null
select is(pg_temp.pick(1), '9 urgent', 'who gets tokens and is more urgent is claimed before who was ready');
delete from gendurable.instances; delete from gendurable.buckets;

-- The slots of a pick are for those that it can have.
select pg_temp.put_rated('1 heavy', 'p:1', 6, '{"priority": -1}'), pg_temp.put_rated('2 light', 'p:2') \g /dev/null
select is(pg_temp.pick(1), '2 light', 'a line whose head does not fit takes no slot from another line');
delete from gendurable.instances; delete from gendurable.buckets;

-- Many lines.
select count(pg_temp.put_rated('m' || n, 'r:' || n)) from generate_series(1, 510) as n \g /dev/null
select pg_temp.put_rated('urgent', 's', 1, '{"priority": -1}'), gd_set_rate_limit('s', 1, '1 hour') \g /dev/null
select is(pg_temp.pick(1) = 'urgent' or pg_temp.pick(1) = 'urgent', true,
    'lines that have to wait for slots keep no pick from the lines beyond five hundred');
delete from gendurable.instances; delete from gendurable.buckets;
delete from gendurable.doorbells where kind = 'tokens';

select gd_set_rate_limit('s', 0, '1 hour', 110) \g /dev/null
select count(pg_temp.put_rated('m' || n, 's', 1, '{"queue": "b"}')) from generate_series(1, 110) as n \g /dev/null
select pg_temp.offer(), gendurable._offer_tokens() \g /dev/null
select pg_temp.put_rated('last', 's', 1, '{"priority": 1}') \g /dev/null
select is(pg_temp.pick(1), '-', 'no instance overtakes more than a hundred that were offered their tokens');
delete from gendurable.instances; delete from gendurable.buckets;
delete from gendurable.doorbells where kind = 'tokens';

-- An instance that is given tokens and waits for a slot keeps them from none meanwhile, whether its line can start or
-- not.
select gd_set_concurrency_limit('taken', 0), gd_set_rate_limit('t', 1, '1 hour', 1), gd_set_queue_limit('b', 1),
    pg_temp.put('place', '{"queue": "b"}'), pg_temp.pick(1, 'b') \g /dev/null
select pg_temp.put_rated('1 keyed', 't:1', 1, '{"concurrency_key": "taken"}'), pg_temp.put_rated('2 behind', 't:1'),
    pg_temp.put_rated('3 both', 't:2', 1, '{"concurrency_key": "taken", "queue": "b"}'),
    pg_temp.put_rated('3 both', 't:2', 1, '{"queue": "b"}') \g /dev/null
update gendurable.instances set phase = 'throttled' where concurrency_key = 'taken';
select gendurable._ring(null, '{t:1,t:2}'), pg_temp.offer(), pg_temp.offer() \g /dev/null
select is(pg_temp.phase('1 keyed') || ' ' || pg_temp.pick(9), 'held 2 behind',
    'what waits for a slot keeps its tokens from none');
select is((select string_agg(i.phase::text, ' ' order by i.id) from gendurable.instances as i where i.fsm = '3 both'),
    'held ready', 'nor in a queue that is full');
select is(pg_temp.commit('place', 'done') || ' ' || pg_temp.pick(9, 'b'), 'committed 3 both',
    'when it has a place it starts');
select gd_set_queue_limit('b', null), gd_drop_concurrency_limit('taken') \g /dev/null
delete from gendurable.instances; delete from gendurable.buckets; delete from gendurable.doorbells;

-- Absurd numbers stop no other key.
select pg_temp.put_rated('1 enormous', 's', 1.5e308, '{"priority": -1}'), pg_temp.put_rated('2 enormous', 's', 1.5e308),
    pg_temp.put('3 plain') \g /dev/null
select is(pg_temp.pick(9), '3 plain', 'weights whose sum is out of range freeze their own line alone');
select gd_set_rate_limit('s', 1e-320, '1 year', 100), gd_set_rate_limit('r', 1e308, '1 microsecond', 1e308) \g /dev/null
select pg_temp.put_rated('4 minute', 's', 90), pg_temp.put_rated('5 minute', 's', 90),
    pg_temp.put_rated('6 vast', 'r', 1e308), pg_temp.put_rated('7 vast', 'r', 1e308) \g /dev/null
update gendurable.instances set phase = 'executing' where fsm like '%enormous';
delete from gendurable.buckets where key in ('r', 's');
insert into gendurable.buckets (key, tokens, refilled_at) values ('r', 1, now() - interval '1 year'),
    ('s', 100, now() - interval '1 year');
select is(pg_temp.pick(9), '4 minute 6 vast 7 vast', 'nor do limits');
delete from gendurable.instances; delete from gendurable.buckets;
delete from gendurable.doorbells where kind = 'tokens';

-- What another session holds.
select test.connect('other') \g /dev/null
select (select n from generate_series(1, 1000) as n
    where hashtext('busy' || n) & 63 not in (select hashtext(x) & 63 from unnest('{r,long,slow,p,s}'::text[]) as x)
    limit 1) as n \gset
select test.query('other', format($$ select gd_set_rate_limit(%L, 9, '1 hour') $$, 'busy' || :n)) \g /dev/null
select test.query('other',
    format($$ insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority,
        fsm_version, fsm, queue, rate_limit)
    values (now(), now(), now(), 'throttled', 's', '{}', 0, 1, 'locked', 'q', %1$L),
        (now(), now(), now(), 'throttled', 's', '{}', 1, 1, 'unlocked', 'q', %1$L) returning id $$, 'busy' || :n))
        \g /dev/null
select gendurable._ring(null, array['busy' || :n]) \g /dev/null
select test.exec('other', 'begin'),
    test.query('other', format('select gendurable._lock_name(''tokens'', %L)', 'busy' || :n)) \g /dev/null
select pg_temp.offer() \g /dev/null
select is((select count(*)::int from gendurable.doorbells where kind = 'tokens'), 1,
    'the doorbell of a key about which another session decides is kept');
select test.exec('other', 'rollback'), test.exec('other', 'begin'),
    test.query('other', $$ select id from gendurable.instances where fsm = 'locked' for update $$) \g /dev/null
select pg_temp.offer() \g /dev/null
select is(pg_temp.phases(), 'locked:throttled unlocked:throttled',
    'no instance overtakes one whose row another session holds for a moment');
select is((select count(*)::int from gendurable.doorbells where kind = 'tokens'), 1, 'its line is looked at again');
select pg_temp.put_rated('other line', 'p:1', 1, '{"priority": 2}') \g /dev/null
select is(pg_temp.pick(1), 'other line', 'and takes no slot from another line');
select test.exec('other', 'rollback') \g /dev/null
select is(pg_temp.pick(9), 'locked unlocked', 'so that it is not stranded');
delete from gendurable.instances; delete from gendurable.buckets;
delete from gendurable.doorbells where kind = 'tokens';
select test.query('other', $$
    insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
        fsm, queue, rate_limit)
    values (now(), now(), now(), 'ready', 's', '{}', -1, 1, 'offered', 'q', 'p:1') returning id $$) \g /dev/null
select test.exec('other', 'begin'),
    test.query('other', $$ select id from gendurable.instances where fsm = 'offered' for update $$) \g /dev/null
select pg_temp.put_rated('behind', 'p:1') \g /dev/null
select is(pg_temp.pick(1), 'behind', 'nor does one that was offered its tokens and cannot be had');
select test.exec('other', 'rollback') \g /dev/null
select lives_ok('select pg_temp.offer()', 'nothing to do');

insert into gendurable.doorbells (kind, key, rung_by) select 'tokens', 'p:' || n, '3' from generate_series(1, 501) as n;
set local gendurable.look_again = '';
select is((select current_setting('gendurable.look_again') from gendurable._offer_tokens()), 'on',
    'more keys than one look takes: another look follows');

select * from finish();
rollback;
