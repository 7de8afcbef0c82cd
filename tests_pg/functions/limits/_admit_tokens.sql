-- Rate limits: strict order within a key, as many as tokens allow, no other key held up.
begin;
set local client_min_messages = error;
\ir ../prelude.psql
select plan(64);

-- Time goes by for the buckets.
create function pg_temp.later(p_by interval) returns void language sql as $$
    update gendurable.buckets as b set refilled_at = b.refilled_at - p_by, due_at = b.due_at - p_by
$$;
create function pg_temp.tokens(p_key text) returns numeric language sql as $$
    select round(b.tokens::numeric, 1) from gendurable.buckets as b where b.key = p_key $$;
-- Hours until the queue has something to look for.
create function pg_temp.due(p_queue text default 'q') returns numeric language plpgsql as $$
    begin return round((extract(epoch from gd_next_due(p_queue) - clock_timestamp()) / 3600)::numeric, 1); end $$;
create function pg_temp.puts(p_key text, p_weights float8[], p_more jsonb default '{}') returns void language sql as $$
    select pg_temp.put(split_part(p_key, ':', 1) || n, jsonb_build_object('rate_limit', p_key, 'weight', w) || p_more)
        from unnest(p_weights) with ordinality as x (w, n)
$$;

-- Ten in sixty hours: in hours the time that the test takes does not count.
select gd_set_rate_limit('r', 10, '60 hours') \g /dev/null
select pg_temp.puts('r', array_fill(1::float8, '{13}')), pg_temp.put('plain') \g /dev/null
select is(pg_temp.phase('r1'), 'throttled', 'a rated instance is born out of the ready set');
select is(pg_temp.pick(99), 'r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 plain',
    'a new key is full: the burst at once, and what has no limit');
select is(pg_temp.tokens('r'), 0.0, 'the tokens are drawn');
select is(pg_temp.phase('r11'), 'throttled', 'the others are refused');
select is(pg_temp.due(), 6.0, 'gd_next_due says when the next token is there');
select is(pg_temp.due('a'), null, 'in the queue that waits for it');
select is(pg_temp.pick(99), '-', 'not earlier');
select pg_temp.later('5 hours 50 minutes') \g /dev/null
select is(pg_temp.pick(99), '-', 'ten minutes too early');
select pg_temp.later('10 minutes') \g /dev/null
select is(pg_temp.pick(99) || ' ' || pg_temp.due(), 'r11 6.0',
    'when it is due it comes back, and the next one is awaited');
select pg_temp.later('6000 hours') \g /dev/null
select is(pg_temp.pick(1), 'r12', 'slots limit what is picked');
select is(pg_temp.tokens('r'), 9.0, 'a bucket holds no more than the burst, and only what starts draws');
select is(pg_temp.pick(99) || ' ' || pg_temp.tokens('r') || ' ' || coalesce(pg_temp.due(), -1), 'r13 8.0 -1',
    'the last one; no instance waits any more');

-- Weight and order.
select gd_set_rate_limit('w', 60, '60 hours', 10) \g /dev/null
select pg_temp.puts('w', '{4,4,4,1}') \g /dev/null
select is(pg_temp.pick(99) || ' ' || pg_temp.tokens('w'), 'w1 w2 2.0',
    'the prefix whose cumulative weight fits; a light one does not overtake a heavy one');
select is(pg_temp.due(), 2.0, 'the heavy one is due when all of its weight is there');
select pg_temp.put('urgent', '{"rate_limit": "w", "priority": -1, "weight": 2}') \g /dev/null
select is(pg_temp.pick(99) || ' ' || pg_temp.tokens('w') || ' ' || pg_temp.due(), 'urgent 0.0 4.0',
    'one that is more urgent goes before, and the line is put off');
select pg_temp.put('weightless', '{"rate_limit": "w", "weight": 0}'),
    pg_temp.put('urgent weightless', '{"rate_limit": "w", "weight": 0, "priority": -1}') \g /dev/null
select is(pg_temp.pick(99), 'urgent weightless', 'weight 0 needs no token, but its place in the line');
select pg_temp.later('4 hours') \g /dev/null
select is(pg_temp.pick(99) || ' ' || pg_temp.due(), 'w3 1.0', 'the heavy one first');
select pg_temp.later('1 hour') \g /dev/null
select is(pg_temp.pick(99), 'w4 weightless', 'then the light ones');
select pg_temp.put('fraction', '{"rate_limit": "w:fraction", "weight": 9.75}'),
    pg_temp.put('quarter', '{"rate_limit": "w:fraction", "weight": 0.25}'),
    pg_temp.put('bit', '{"rate_limit": "w:fraction", "weight": 0.01}') \g /dev/null
select is(pg_temp.pick(99), 'fraction quarter', 'weights are fractions; each key has its own budget');
delete from gendurable.instances; delete from gendurable.buckets;

-- Burst.
select gd_set_rate_limit('b', 0.5, '1 hour'), gd_set_rate_limit('bb', 2, '1 hour', 5) \g /dev/null
select pg_temp.puts('b', '{1,1}'), pg_temp.puts('bb', '{1,1,1,1,1,1}') \g /dev/null
select is(pg_temp.pick(99) || ' ' || pg_temp.due(), 'b1 bb1 bb2 bb3 bb4 bb5 0.5',
    'the burst is at least one token, or what was set; the earliest key is next');
delete from gendurable.instances; delete from gendurable.buckets;

-- Never.
select gd_set_rate_limit('never', 0, '1 second', 2) \g /dev/null
select pg_temp.puts('never', '{1,1,1}'), pg_temp.put('more', '{"rate_limit": "never:2"}') \g /dev/null
select is(pg_temp.pick(99), 'never1 never2 more', 'allowed 0: the burst, once, of each key');
select pg_temp.later('60000 hours') \g /dev/null
select is(pg_temp.pick(99) || ' ' || coalesce(pg_temp.due(), -1), '- -1', 'and never again');
select is(gendurable._sweep_buckets(), 0, 'nor is it swept');
select pg_temp.put('unknown', '{"rate_limit": "unknown:1"}') ,
    pg_temp.put('unknown later', '{"rate_limit": "unknown:1", "delay": -1}'),
    pg_temp.put('known', '{"rate_limit": "never:3"}') \g /dev/null
select is(pg_temp.pick(99) || ' ' || coalesce(pg_temp.due(), -1), 'known -1', 'an unknown name stalls its own');
select gd_set_rate_limit('unknown', 1, '60 hours') \g /dev/null
select is(pg_temp.pick(99), 'unknown', 'until it is configured; strict order from then on');
select pg_temp.put('giant', '{"rate_limit": "bb:1", "weight": 6}'), pg_temp.put('behind', '{"rate_limit": "bb:1"}'),
    pg_temp.put('beside', '{"rate_limit": "bb:2", "weight": 5}') \g /dev/null
select is(pg_temp.pick(99), 'beside', 'a weight above the burst freezes its own bucket, no other one');
select pg_temp.later('60000 hours') \g /dev/null
select is(pg_temp.pick(99), 'unknown later', 'for good; what waits for tokens alone goes on');
select gd_set_rate_limit('bb', 2, '1 hour', 6) \g /dev/null
select is(pg_temp.pick(99), '-', 'a bucket holds what it held when its burst is raised');
select is(pg_temp.due() , 0.5, 'and is filled up from there');
select pg_temp.later('30 minutes') \g /dev/null
select is(pg_temp.pick(99), 'giant', 'then it fits');
select pg_temp.put('second giant', '{"rate_limit": "bb:9", "weight": 100}'),
    pg_temp.put('behind it', '{"rate_limit": "bb:9"}') \g /dev/null
select is(pg_temp.pick(99), '-', 'another one');
select is(gd_cancel(pg_temp.id('second giant')) || ' ' || pg_temp.pick(99), '1 behind it',
    'cancelling what froze a bucket frees it');
delete from gendurable.instances; delete from gendurable.buckets;

-- How long an instance has a rate limit.
select gd_set_rate_limit('l', 1, '60 hours', 10) \g /dev/null
select pg_temp.put('l', '{"rate_limit": "l", "weight": 3}') \g /dev/null
select is(pg_temp.pick(1) || ' ' || pg_temp.tokens('l'), 'l 7.0', 'a step draws its weight when it is picked');
select is(pg_temp.commit('l', 'retry') || ' ' || pg_temp.pick(1) || ' ' || pg_temp.tokens('l'), 'committed l 4.0',
    'retry keeps it: a re-execution draws again');
select is(gd_release(:me, array[pg_temp.id('l')]) || ' ' || pg_temp.phase('l') || ' ' || pg_temp.pick(1) || ' '
    || pg_temp.tokens('l'), '1 throttled l 1.0', 'nothing is given back');
select is(pg_temp.commit('l', 'retry') || ' ' || pg_temp.pick(1), 'committed -', 'a retry may have to wait');
select is(pg_temp.due(), 120.0, 'for its own weight');
select pg_temp.later('120 hours') \g /dev/null
select is(pg_temp.pick(1), 'l', 'and comes back');
select is(pg_temp.commit('l', 'next', '{"step": "n"}') || ' ' || pg_temp.pick(1) || ' ' || pg_temp.tokens('l'),
    'committed l 0.0', 'next clears it');
select is(pg_temp.commit('l', 'next', '{"step": "n", "continue": true, "rate_limit": "l:2", "weight": 9}'), 'committed',
    'a new one has to be granted: no running ahead');
select is(pg_temp.pick(1) || ' ' || pg_temp.tokens('l:2'), 'l 1.0', 'next sets one for the next step');
select is(pg_temp.commit('l', 'next', '{"step": "n", "continue": true}'), 'continued',
    'which is cleared when it runs ahead');
select is(pg_temp.commit('l', 'retry') || ' ' || pg_temp.pick(1) || ' ' || pg_temp.tokens('l:2'), 'committed l 1.0',
    'a step that was run ahead to has no limit');
select is(pg_temp.commit('l', 'next', '{"step": "n", "rate_limit": "l:3"}') || ' ' || pg_temp.pick(1) || ' '
    || pg_temp.tokens('l:3'), 'committed l 9.0', 'the weight of a new one is 1');
select is(pg_temp.commit('l', 'await', '{"names": ["x"]}') || ' ' || gd_signal(pg_temp.id('l'), 'x') || ' '
    || pg_temp.phase('l'), 'committed delivered ready', 'await clears it');
select pg_temp.pick(1) \g /dev/null
select is(pg_temp.commit('l', 'next', '{"step": "n", "rate_limit": "l:3", "delay_ms": 60000}') || ' '
    || pg_temp.phase('l'), 'committed scheduled', 'a delay comes first');
update gendurable.instances set eligible_at = now() where fsm = 'l';
select is(pg_temp.pick(1) || ' ' || pg_temp.tokens('l:3'), 'l 8.0', 'then the tokens');
select is(pg_temp.commit('l', 'schedule_children', '{}') || ' ' || pg_temp.phase('l'), 'committed ready',
    'schedule_children clears it');
delete from gendurable.instances; delete from gendurable.buckets;

select pg_temp.put('scheduled', '{"rate_limit": "l:4", "delay": 3600}'), pg_temp.pick(9) \g /dev/null
update gendurable.instances set eligible_at = now() where fsm = 'scheduled';
select is(pg_temp.pick(9), 'scheduled', 'what has become due is looked at in the same pick');
delete from gendurable.instances; delete from gendurable.buckets;

-- Beside a concurrency key.
select gd_set_rate_limit('c', 1, '60 hours', 2) \g /dev/null
select pg_temp.put('1', '{"concurrency_key": "k", "rate_limit": "c"}'),
    pg_temp.put('2', '{"concurrency_key": "k", "rate_limit": "c"}'), pg_temp.put('3', '{"rate_limit": "c"}'),
    pg_temp.put('4', '{"rate_limit": "c"}') \g /dev/null
select is(pg_temp.pick(99), '1 3', 'what waits for its concurrency key does not block its bucket');
select is(pg_temp.phase('2') || ' ' || pg_temp.phase('4'), 'held throttled', 'one waits for the key, one for tokens');
select is(pg_temp.commit('1', 'done') || ' ' || pg_temp.pick(99) || ' ' || pg_temp.phase('2'), 'committed - throttled',
    'with a slot, but without tokens');
select pg_temp.put('5', '{"concurrency_key": "k"}') \g /dev/null
select is(pg_temp.pick(99), '5', 'what is refused by its bucket holds no slot of its key');
select pg_temp.later('120 hours') \g /dev/null
select is(pg_temp.pick(99) || ' ' || pg_temp.phase('2'), '4 held', 'with tokens, but without a slot');
select is(pg_temp.commit('5', 'done') || ' ' || pg_temp.pick(99) || ' ' || pg_temp.tokens('c'), 'committed 2 0.0',
    'with both');

-- _admit_tokens itself.
delete from gendurable.instances; delete from gendurable.buckets;
select is(gendurable._admit_tokens('{}'), '{}', 'nothing to grant');
insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, rate_limit, weight, concurrency_key)
select v.id, now(), now(), now(), v.phase::gendurable.phase, 's', '{}', v.priority, 1, 'm', 'q', v.rate, v.weight, v.key
from (values (101, 'ready', 5, 'c:1', 1.5, null), (102, 'ready', 1, 'c:1', null::float8, 'k'),
    (103, 'ready', 0, null, null, null), (104, 'throttled', 3, 'c:2', null, null), (105, 'ready', 4, 'c:2', null, null),
    (106, 'ready', 2, 'c:2', null, null),
             (107, 'ready', 0, 'nowhere', null, 'k7')) as v (id, phase, priority, rate, weight, key);
delete from gendurable.doorbells;
select is(array(select unnest(gendurable._admit_tokens('{101,102,103,105,106,107}')) order by 1), '{102,103,106}',
    'what fits, what has no limit, and what is more urgent than who waits');
select is((select string_agg(id || ':' || phase, ' ' order by id) from gendurable.instances),
    '101:throttled 102:ready 103:ready 104:throttled 105:throttled 106:ready 107:throttled', 'the others wait');
select is((select string_agg(key, ' ' order by key) from gendurable.doorbells where kind = 'tokens'), 'c:1 c:2 nowhere',
    'their lines are looked at');
select is((select string_agg(key, ' ' order by key) from gendurable.doorbells where kind = 'slot'), 'k7',
    'and the slots that they were offered are free');
select is(pg_temp.tokens('c:1') || ' ' || pg_temp.tokens('c:2'), '1.0 1.0', 'drawn is what was granted');
select is(pg_temp.tokens('nowhere'), null, 'a name that is not configured has no bucket');
select test.connect('other'), test.exec('other', 'begin') \g /dev/null
select (select n from generate_series(1, 1000) as n
    where hashtext('busy' || n) & 63 not in (select hashtext(x) & 63
        from unnest('{r,w,b,bb,never,unknown,l,c,nowhere}'::text[]) as x) limit 1) as n \gset
select test.query('other', format('select gendurable._lock_name(''tokens'', %L)', 'busy' || :n)),
    gd_set_rate_limit('free', 1, '1 s') \g /dev/null
delete from gendurable.instances where id <> 101;
update gendurable.instances set phase = 'ready', rate_limit = 'busy' || :n, concurrency_key = null where id = 101;
select is(pg_temp.pick(9), '-', 'a key about which another session decides is left alone');
select is((select phase::text from gendurable.instances where id = 101), 'ready',
    'its instance stays ready for the next pick');
select test.exec('other', 'rollback') \g /dev/null

select * from finish();
rollback;
