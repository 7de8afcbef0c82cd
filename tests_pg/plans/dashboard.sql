-- The views that a dashboard looks at every second, on 100,000 live instances: no table from end to end, and few index
-- entries of what is healthy.
begin;
\ir prelude.psql
select plan(20);

create function pg_temp.put(n int, p_phase gendurable.phase, p_queue text, p_key text default null,
    p_rate text default null, p_at timestamptz default now() - interval '1 hour')
returns void language sql as $$
    insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
        fsm, queue, concurrency_key, rate_limit, worker_id)
    select now(), p_at, now(), p_phase, 'start', '{}', g % 3, 1, 'F', p_queue, p_key, p_rate,
        case p_phase when 'executing' then 1 end
    from generate_series(1, n) as g
$$;
-- Like test.cheap, and never the table itself.
create function pg_temp.indexed(name text, query text, most int) returns setof text language plpgsql as $$
begin
    return next test.cheap(indexed.name, indexed.query, indexed.most);
    drop table if exists answer;
    return next is_empty(format('select * from test.reads(%L) where relation = %L', indexed.query, 'instances'),
        '… and never the table from end to end');
end
$$;

-- The plans are made while there is nothing, and stay good when there is.
select count(*), gd_next_due('a') from gd_queues, gd_limits, gd_stuck;
select gd_register('w', '{a,b}', '1 hour'), gd_set_rate_limit('slow', 0, '1 s', 1), gd_set_rate_limit('mail', 5, '1 s');
select pg_temp.put(60000, 'ready', 'a'), pg_temp.put(2000, 'ready', 'b', 'key:1', 'mail:1'),
    pg_temp.put(18000, 'awaiting_signal', 'a', p_at => 'infinity'),
       pg_temp.put(5000, 'awaiting_signal', 'b', p_at => now() + interval '1 day'),
       pg_temp.put(10000, 'scheduled', 'a', p_at => now() + interval '1 hour'),
       pg_temp.put(5000, 'throttled', 'b', p_rate => 'slow:1');
select pg_temp.indexed('what is stuck, when nothing is', 'select * from gd_stuck', 30);
select pg_temp.indexed('the depths, exact', 'select * from gd_queues', 62000 + 30);
select pg_temp.indexed('the depths, counted up to a thousand', 'select * from gendurable._depths(1000)',
    4 * 1000 + 100);
select pg_temp.indexed('the limits, exact', 'select * from gd_limits', 7000 + 30);
select pg_temp.indexed('the limits, counted up to a thousand', 'select * from gendurable._usage(1000)', 1000 + 30);
analyze gendurable.instances;
select pg_temp.indexed('what is stuck, when nothing is, with statistics', 'select * from gd_stuck', 30);
select pg_temp.indexed('the depths, estimated', 'select * from gendurable._depths(1000)', 4 * 1000 + 100);
select results_eq('select d.phase, bool_and(abs(d.n - v.n) < v.n * 0.2) from (select phase, sum(n) as n from '
    'gendurable._depths(1000) group by phase) as d join (values (''ready''::gendurable.phase, 62000), (''scheduled'', '
    '10000), (''throttled'', 5000), (''awaiting_signal'', 23000)) as v (phase, n) using (phase) group by d.phase order '
    'by d.phase',
    $$ values ('ready'::gendurable.phase, true), ('scheduled', true), ('throttled', true), ('awaiting_signal', true) $$,
    '… about right');
insert into gendurable.buckets (key, tokens, refilled_at, due_at)
    values ('slow:1', 0, now(), now() + interval '1 minute');
select test.cheap('when a queue is due in which some wait for tokens', 'select gd_next_due(''b'')', 5);
select test.cheap('when a queue is due beside one in which some wait for tokens', 'select gd_next_due(''a'')', 5);
-- And when something is stuck, that is read, not the rest.
select gd_set_concurrency_limit('key', 0);
select pg_temp.put(100, 'held', 'a', 'key:1'), pg_temp.put(100, 'ready', 'nobody'),
    pg_temp.put(100, 'throttled', 'a', p_rate => 'unknown:1');
select pg_temp.indexed('what is stuck', 'select * from gd_stuck', 330);
select is((select count(*) from answer), 300::bigint, '… all of it');

select * from finish();
rollback;
