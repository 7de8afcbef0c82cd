-- What doorbells and due buckets announce is offered: tokens, then slots.
begin;
select plan(6);
\ir ../prelude.psql

select is(gendurable._answer_doorbells(true), null, 'no doorbell rings');
select pg_temp.put('1', '{"concurrency_key": "k"}'), pg_temp.put('2', '{"concurrency_key": "k"}') \g /dev/null
select is(pg_temp.pick(2), '1', 'one has the slot, one waits');
select gd_set_concurrency_limit('k', 2), gendurable._answer_doorbells(true) \g /dev/null
select is(pg_temp.phase('2'), 'ready', 'a limit that was changed is answered');
select gd_set_rate_limit('r', 1, '1 s', 1), pg_temp.put('3', '{"rate_limit": "r", "concurrency_key": "l"}') \g /dev/null
update gendurable.instances set phase = 'throttled' where id = pg_temp.id('3');
select gendurable._answer_doorbells(true) \g /dev/null
select is(pg_temp.phase('3'), 'ready', 'one that is given tokens and waits for a slot gets it in the same call');
select pg_temp.put('4', '{"rate_limit": "s", "weight": 2}'), pg_temp.put('5', '{"rate_limit": "s"}') \g /dev/null
select gd_set_rate_limit('s', 2, '1 s', 2) \g /dev/null
select is(gendurable._answer_doorbells(true, array(select gendurable._kinds(:me, 'q')), 5), array[pg_temp.id('4')],
    'what the pick that calls is to claim at once is answered');
delete from gendurable.doorbells;
update gendurable.buckets set due_at = now() - interval '1 s', refilled_at = now() - interval '1 h' where key = 's';
select is(gendurable._answer_doorbells(true, array(select gendurable._kinds(:me, 'q')), 5), array[pg_temp.id('4')],
    'also where a bucket is due and no doorbell rings');

select * from finish();
rollback;
