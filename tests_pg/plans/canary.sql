-- A worker with a new version of a machine, among workers that have the old one, in a queue that they share: behind
-- 100,000 more urgent instances that it cannot run, it finds its own at the cost of an empty queue.
--
-- Seen to fail: gd_pick asks `_candidates` for all kinds of the queue → 3, 7–10.
begin;
\ir prelude.psql
commit;
select plan(10);
select gd_register('old', '{shared}', '1 hour', info => '{"machines": [{"fsm": "Order", "version": 1}]}') as old,
    gd_register('new', '{shared}', '1 hour', info => '{"machines": [{"fsm": "Order", "version": 2}]}') as new \gset
create function test.pick(worker bigint, slots int) returns text
language sql as $$ select format('select id, fsm_version from gd_pick(%s, ''shared'', %s)', worker, slots) $$;

select count(*) from (select gd_enqueue_many(
    (select jsonb_agg('{"fsm": "Order", "fsm_version": 1, "queue": "shared", "priority": -1}'::jsonb || '{}')
     from generate_series(1, 1000) where g > 0)) from generate_series(1, 100) as g) as e \g /dev/null
select is((select count(*) from gendurable.instances where phase = 'ready'), 100000::bigint,
    'a backlog of the old version');
begin;
select test.cheap('the worker that has the new one reads nothing of it', test.pick(:new, 10), 200);
select is((select count(*) from answer), 0::bigint, '… and finds nothing');
commit;

select id as i from gd_enqueue('Order', fsm_version => 2, queue => 'shared', priority => 5) \gset
begin;
select test.cheap('an old worker reads what it claims', test.pick(:old, 10), 400);
select is((select array_agg(distinct fsm_version) from answer), '{1}', '… of its own version');
commit;
begin;
select test.cheap('the new worker reads what it claims', test.pick(:new, 10), 200);
select is((select array_agg(id) from answer), array[:i]::bigint[], '… which stood behind all others');
commit;

-- Half of the backlog is claimed.
do $$
declare
    v_old bigint := (select w.id from gd_workers as w where w.name = 'old');
begin
    for v_n in 1 .. 50 loop
        perform count(*) from gd_pick(v_old, 'shared', 1000);
        commit;
    end loop;
end
$$;
select id as i from gd_enqueue('Order', fsm_version => 2, queue => 'shared', priority => 5) \gset
begin;
select test.cheap('nor does it read what others have claimed', test.pick(:new, 10), 200);
select is((select array_agg(id) from answer), array[:i]::bigint[], '… and finds the next of its own');
commit;
select is((select count(*) from gendurable.instances where phase = 'ready'), 100000 - 10 - 50000::bigint,
    'none of which was lost');
select * from finish();
