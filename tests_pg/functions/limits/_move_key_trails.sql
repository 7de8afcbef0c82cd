-- Trails are moved now and then.
begin;
select plan(4);

insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, concurrency_key, rate_limit, entered)
select v.id, now(), now(), now(), v.phase::gendurable.phase, 's', '{}', v.priority, 1, v.fsm, 'q', v.key, v.rate, v.run
from (values (1, 'm', 'held', 0, 'k', null, 5::bigint), (2, 'm', 'held', 0, 'l', null, 5)) as v (id, fsm, phase,
    priority, key, rate, run);
select gendurable._move_key_trails('slot', '{k,l}', '{}') from generate_series(1, 100) \g /dev/null
select is_empty('select * from gendurable.key_trails', 'a key of which none leaves its line has none');
select gendurable._move_key_trails('slot', '{k,l}', '{1}') from generate_series(1, 1000) \g /dev/null
select is_empty('select * from gendurable.key_trails', 'nor has one of which no dead entries are read');
insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, concurrency_key, entered)
select 100 + n, now(), now() - interval '1 h', now(), 'held', 's', '{}', 0, 1, 'm', 'q', 'k',
    5 from generate_series(1, 100) as n;
delete from gendurable.instances where eligible_at < now();
select gendurable._move_key_trails('slot', '{k,l}', '{1}') from generate_series(1, 3000) \g /dev/null
select is((select string_agg(t.key, ' ') from gendurable.key_trails as t), 'k', 'one of which they are has');
update gendurable.key_trails set bound = 0, next = '0';
create temp table before as select t.seq from gendurable.key_trails as t;
select gendurable._move_key_trails('slot', '{k,l}', '{}') from generate_series(1, 300) \g /dev/null
select is((select t.seq > b.seq from gendurable.key_trails as t, before as b),
    gendurable._run(pg_current_xact_id()) > 100, 'also where many transactions have come since');

select * from finish();
rollback;
