-- Freed slots are offered to those that wait, in order, in every queue where some wait.
begin;
\ir ../prelude.psql
select plan(39);

create function pg_temp.phases() returns text language sql as $$
    select string_agg(i.fsm || ':' || i.phase, ' ' order by i.fsm) from gendurable.instances as i $$;

-- All of this is one transaction; what it rings is made to look as if others had.
create function pg_temp.settle() returns void language sql as $$ update gendurable.doorbells set rung_by = '3' $$;

-- Order.
select pg_temp.put('late', '{"concurrency_key": "k", "eligible_at": "2020-01-02"}'),
    pg_temp.put('low', '{"concurrency_key": "k", "priority": 9, "eligible_at": "2019-01-01"}'),
       pg_temp.put('early', '{"concurrency_key": "k", "eligible_at": "2020-01-01"}'),
       pg_temp.put('urgent', '{"concurrency_key": "k", "priority": -1}'),
       pg_temp.put('future', '{"concurrency_key": "k", "priority": -9, "delay": 3600}') \g /dev/null
select is(pg_temp.pick(9) || ' ' || pg_temp.commit('urgent', 'done'), 'urgent committed', 'the most urgent first');
select is(pg_temp.pick(9) || ' ' || pg_temp.commit('early', 'done'), 'early committed', 'then the earliest');
select is(pg_temp.pick(9) || ' ' || pg_temp.commit('late', 'done'), 'late committed', 'then the later one');
select is(pg_temp.pick(9) || ' ' || pg_temp.commit('low', 'done'), 'low committed', 'then the least urgent');
select is(pg_temp.pick(9) || ' ' || pg_temp.phase('future'), '- scheduled', 'what is not due takes no slot');
update gendurable.instances set eligible_at = now() where fsm = 'future';
select is(pg_temp.pick(9) || ' ' || pg_temp.commit('future', 'done'), 'future committed', 'what has become due does');

-- Every queue.
select gd_pause('b') \g /dev/null
select pg_temp.put('1 paused', '{"concurrency_key": "k", "queue": "b", "priority": -5}'),
    pg_temp.put('2 deserted', '{"concurrency_key": "k", "queue": "nobody", "priority": -5}'),
       pg_temp.put('3 here', '{"concurrency_key": "k"}'), pg_temp.put('4 here', '{"concurrency_key": "k"}'),
       pg_temp.put('5 there', '{"concurrency_key": "k", "queue": "a"}') \g /dev/null
select is(pg_temp.pick(9), '3 here', 'a slot does not wait for a paused queue or one without workers');
select is(pg_temp.phases(), '1 paused:ready 2 deserted:ready 3 here:executing 4 here:held 5 there:ready',
    'it was offered once in every queue where one waits');
select is(pg_temp.pick(9, 'a') || ' ' || pg_temp.phase('5 there'), '- held',
    'an offer is no slot: who comes second is held back');
select is(pg_temp.commit('3 here', 'done') || ' ' || pg_temp.pick(9, 'a'), 'committed 5 there',
    'the pick of any queue offers');
select is(pg_temp.phase('4 here'), 'ready', 'to all queues');
select gd_resume('b') \g /dev/null
select is(pg_temp.pick(9, 'b') || ' ' || pg_temp.pick(9), '- -', 'one at once, over all queues');
select is(pg_temp.commit('5 there', 'done') || ' ' || pg_temp.pick(9, 'b') || ' ' || pg_temp.commit('1 paused', 'done')
    || ' ' || pg_temp.pick(9), 'committed 1 paused committed 4 here', 'and all of them in the end');
select is(pg_temp.commit('4 here', 'done') || ' ' || pg_temp.pick(9, 'nobody'), 'committed 2 deserted',
    'whichever queue is picked for');
select pg_temp.settle(), gendurable._offer_slots() \g /dev/null
select is(pg_temp.commit('2 deserted', 'done'), 'committed', 'the last one ends');
select is((select count(*)::int from gendurable.instances), 0, 'nothing is left');
select is((select count(*)::int from gendurable.doorbells where kind = 'slot'), 0,
    'no instance waited for the last slot: no doorbell rings');

-- As many as are free.
select gd_set_concurrency_limit('k', 4) \g /dev/null
select count(pg_temp.put('n' || n, '{"concurrency_key": "k"}')) from generate_series(1, 9) as n \g /dev/null
select is(pg_temp.pick(1), 'n1', 'one slot of the worker');
select is(pg_temp.phases(), 'n1:executing n2:ready n3:ready n4:ready n5:held n6:held n7:held n8:held n9:held',
    'no more are offered than slots are free');
select gendurable._ring('{k}') , gendurable._offer_slots() \g /dev/null
select is((select count(*)::int from gendurable.instances where phase = 'ready'), 3,
    'what was offered counts as long as it is not taken');
select is(pg_temp.pick(9), 'n2 n3 n4', 'the offers are taken');
select is(pg_temp.commit_all('{n1,n3}', 'done') || ' ' || pg_temp.pick(9), 'committed committed n5 n6',
    'two were freed, two go on');
select gd_set_concurrency_limit('k', 1) \g /dev/null
select is(pg_temp.commit_all('{n2,n4,n5}', 'done') || ' ' || pg_temp.pick(9), 'committed committed committed -',
    'with a lower limit freed slots are not offered');
select is(pg_temp.commit('n6', 'done') || ' ' || pg_temp.pick(9), 'committed n7', 'until fewer execute than may');
delete from gendurable.instances;

-- Many keys at once, and what another session holds.
delete from gendurable.doorbells where kind <> 'tokens';
select gd_set_concurrency_limit('m', 0) \g /dev/null
select count(pg_temp.put('m' || n, jsonb_build_object('concurrency_key', 'm:' || n)))
    from generate_series(1, 600) as n \g /dev/null
select gd_drop_concurrency_limit('m') \g /dev/null
delete from gendurable.doorbells where ctid <> all (array(select max(ctid) from gendurable.doorbells group by key));
select pg_temp.settle() \g /dev/null
select gendurable._answer_doorbells(true) \g /dev/null
select is((select count(*)::int from gendurable.instances where phase = 'ready'), 500, 'five hundred keys in one call');
select is((select count(*)::int from gendurable.doorbells where kind = 'slot'), 100, 'the others are for the next one');
select gendurable._answer_doorbells(true) \g /dev/null
select is((select count(*)::int from gendurable.instances where phase = 'ready'), 600, 'which does them');
delete from gendurable.instances;
select test.connect('other'), test.exec('other', 'begin') \g /dev/null
select (select n from generate_series(1, 1000) as n
    where hashtext('busy' || n) & 63 not in (select hashtext(x) & 63 from unnest('{k,m}'::text[]) as x) limit 1)
    as n \gset
select test.query('other', format('select gendurable._lock_name(''slot'', %L)', 'busy' || :n)) \g /dev/null
select pg_temp.put('busy', jsonb_build_object('concurrency_key', 'busy' || :n)),
    pg_temp.put('busy too', jsonb_build_object('concurrency_key', 'busy' || :n)),
    pg_temp.put('not busy', '{"concurrency_key": "m:1"}') \g /dev/null
select pg_temp.settle() \g /dev/null
select is(pg_temp.pick(9), 'not busy', 'a key about which another session decides holds up no other key');
select is((select count(*)::int from gendurable.doorbells where kind = 'slot'), 1, 'its doorbell is kept');
select test.exec('other', 'rollback') \g /dev/null
select is(pg_temp.pick(9), 'busy', 'for the next pick');
-- Rows that another session holds.
select test.query('other',
    format($$ insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority,
        fsm_version, fsm, queue, concurrency_key)
    values (now(), now(), now(), 'held', 's', '{}', 0, 1, 'locked', 'q', 'L'),
        (now(), now(), now(), 'held', 's', '{}', 1, 1, 'unlocked', 'q', 'L') returning id $$)) \g /dev/null
select test.exec('other', 'begin'),
    test.query('other', $$ select id from gendurable.instances where fsm = 'locked' for update $$) \g /dev/null
select gd_set_concurrency_limit('L', 2), gendurable._ring('{L}'), pg_temp.settle() \g /dev/null
select is(pg_temp.pick(9), 'unlocked', 'a row that another session holds is passed by');
select is((select count(*)::int from gendurable.doorbells where kind = 'slot' and key = 'L'), 1,
    'its key is looked at again');
select test.exec('other', 'rollback') \g /dev/null
select is(pg_temp.pick(9), 'locked', 'so that it is not stranded');
select lives_ok('select gendurable._offer_slots()', 'nothing to offer');

-- An offer that is taken back gives the tokens back that were offered with it.
delete from gendurable.instances;
delete from gendurable.doorbells;
insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm,
    queue, concurrency_key, rate_limit)
select now(), now(), now(), v.phase::gendurable.phase, 's', '{}', v.priority, 1, v.fsm, 'q', 'both', v.rate
from (values ('less', 'ready', 5, 'r'), ('more', 'held', 1, null)) as v (fsm, phase, priority, rate);
insert into gendurable.doorbells (kind, key, rung_by) values ('slot', 'both', '3');
select gendurable._offer_slots() \g /dev/null
select is(pg_temp.phases(), 'less:held more:ready', 'a more urgent one gets the offer');
select is((select string_agg(d.key, ' ') from gendurable.doorbells as d where d.kind = 'tokens'), 'r',
    'and the rate key of the other one is rung for');
delete from gendurable.instances;

-- A limit that is raised far lets many go at once. Looked for one in the other they would take a minute.
select gd_set_concurrency_limit('far', 20000) \g /dev/null
insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm,
    queue, concurrency_key)
select now(), now(), now(), 'held', 's', '{}', 0, 1, 'm', 'crowd', 'far' from generate_series(1, 20000);
insert into gendurable.doorbells (kind, key, rung_by) values ('slot', 'far', '3');
analyze gendurable.instances;
set local work_mem = '64kB';
set local statement_timeout = '6s';
select lives_ok('select gendurable._offer_slots()', 'offers to twenty thousand at once take no longer than that');
reset statement_timeout;

-- More keys than one look takes: the worker looks again in a moment.
delete from gendurable.doorbells;
insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm,
    queue, concurrency_key)
select now(), now(), now(), 'held', 's', '{}', 0, 1, 'm', 'keys', 'one:' || n from generate_series(1, 5) as n;
insert into gendurable.doorbells (kind, key, rung_by) select 'slot', 'one:' || n, '3' from generate_series(1, 5) as n;
set local gendurable.look_again = '';
select is((select current_setting('gendurable.look_again') from gendurable._offer_slots(6)), '',
    'as many keys as one look takes');
insert into gendurable.doorbells (kind, key, rung_by) select 'slot', 'one:' || n, '3' from generate_series(1, 5) as n;
select is((select current_setting('gendurable.look_again') from gendurable._offer_slots(4)), 'on',
    'more than that: another look follows');

select * from finish();
rollback;
