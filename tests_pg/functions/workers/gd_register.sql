-- gd_register: a new worker, and what its dead namesakes left behind.
begin;
select plan(37);

-- SQLSTATE and DETAIL of the error that a query raises.
create function pg_temp.refusal(p_query text) returns text language plpgsql as $$
declare
    v_code   text;
    v_detail text;
begin
    execute p_query;
    return 'no error';
exception when others then
    get stacked diagnostics v_code = returned_sqlstate, v_detail = pg_exception_detail;
    return v_code || ' ' || v_detail;
end
$$;

select gd_register('w') as w \gset
select results_eq(format(
    'select name, queues, lease, lease_until - registered_at, registered_at > now(), heartbeat_at, idle_queues, info '
    'from gendurable.workers join gendurable.leases on worker_id = id where id = %s', :w),
    $$ values ('w', '{default}'::text[], interval '60 s', interval '60 s', true, null::timestamptz, '{}'::text[],
        '{}'::jsonb) $$, 'only a name is needed: everything else has its default');
select gd_register('n', null, null, null) as n \gset
select results_eq(format('select queues, lease, info from gendurable.workers where id = %s', :n),
    format('select queues, lease, info from gendurable.workers where id = %s', :w),
    'an explicit null means the default');
select gd_register('x', '{a,b}', '5 minutes', '{"host": "h"}') as x \gset
select results_eq(format(
    'select queues, lease, lease_until - registered_at, info from gendurable.workers join gendurable.leases on '
    'worker_id = id where id = %s', :x),
    $$ values ('{a,b}'::text[], interval '5 minutes', interval '5 minutes', '{"host": "h"}'::jsonb) $$,
    'every argument is stored');
select ok(:w < :n and :n < :x, 'each worker has an id of its own');
select gd_unregister(:x) as r \gset
select ok(gd_register('x') > :x, 'an id is never used again');

-- Namesakes.
create function pg_temp.claim(p_worker bigint) returns bigint language plpgsql as $$
declare
    v_id bigint := (select e.id from gd_enqueue('m', queue => 'reg', priority => 7) as e);
begin
    perform gd_pick(p_worker, 'reg', 1);
    return v_id;
end
$$;
select gd_register('twin') as alive, gd_register('twin') as dead, gd_register('stranger') as stranger \gset
select pg_temp.claim(:alive) as a, pg_temp.claim(:dead) as d, pg_temp.claim(:stranger) as s \gset
update gendurable.workers set lease = '0' where id in (:dead, :stranger);
update gendurable.leases set lease_until = now() - interval '1 s' where worker_id in (:dead, :stranger);
select test.fence(:d) as fence \gset
select gd_register('twin') as heir \gset
select results_eq(format(
    'select phase::text, attempt, last_error ->> %L, worker_id, eligible_at, fence from gendurable.instances where id '
    '= %s', 'kind', :d),
    format('values (%L, 1, %L, null::bigint, now(), %s::bigint)', 'ready', 'lost', :fence),
    'the claims of a namesake whose lease is over are runnable again, one attempt later, in their place');
select is((select count(*)::int from gendurable.workers where id = :dead), 0, 'a dead namesake is forgotten');
select results_eq(format('select phase::text, attempt, worker_id from gendurable.instances where id = %s', :a),
    format('values (%L, 0, %s::bigint)', 'executing', :alive),
    'the claims of a live twin are its own');
select is((select count(*)::int from gendurable.workers where id in (:alive, :heir)), 2,
    'a live twin stays registered');
select results_eq(format('select phase::text, worker_id from gendurable.instances where id = %s', :s),
    format('values (%L, %s::bigint)', 'executing', :stranger),
    'the claims of dead workers of another name are left to the reaper');

-- Errors.
select throws_ok($$ select gd_register(null) $$, 'GD001', 'gendurable: a required argument is missing',
    'a worker has a name');
select is(pg_temp.refusal($$ select gd_register(null) $$), 'GD001 name is required', 'the error names the argument');
select is(pg_temp.refusal($$ select gd_register('w', lease => '0') $$), 'GD002 lease is 00:00:00',
    'a lease of nothing is refused, and named');
select is(pg_temp.refusal($$ select gd_register('w', lease => '-5 s') $$), 'GD002 lease is -00:00:05',
    'a negative lease is refused, and named');
select throws_ok($$ select gd_register('w', lease => '2 years') $$, 'GD002', 'gendurable: invalid argument',
    'a lease of years is refused');
select lives_ok($$ select gd_register('w', lease => '1 ms') $$, 'any lease above zero is accepted');
select throws_ok(format('select gd_register(%L)', repeat('é', 501)), 'GD002', null,
    'a name of more than 1,000 bytes is refused');
select lives_ok(format('select gd_register(%1$L, array[%1$L])', repeat('é', 500)), 'names of 1,000 bytes are accepted');
select throws_ok(format('select gd_register(%L, array[%L])', 'w', repeat('é', 501)), 'GD002', null,
    'a queue of more than 1,000 bytes is refused');
select throws_ok($$ select gd_register('w', '{a,NULL}') $$, 'GD002', null, 'a null queue is refused');
select throws_ok($$ select gd_register('w', array['a', '']) $$, 'GD002', null, 'an empty queue is refused');


-- What a worker says of itself is an object.
select throws_ok(format('select gd_register(%L, info => %L)', 'w', i), 'GD002', 'gendurable: invalid argument',
    format('info %s is refused', i))
from unnest('{[],"[{\"pid\": 1}]","\"text\"",7,true}'::text[]) as i;
select is(pg_temp.refusal($$ select gd_register('w', info => '[1]') $$), 'GD002 info is of JSON type array',
    'the error says what it is');
select gd_register('w', info => 'null') as n \gset
select is((select w.info from gendurable.workers as w where w.id = :n), '{}', 'a JSON null means nothing is said');

-- What it can run.
create function pg_temp.declared(p_worker bigint) returns text language sql as $$
    select concat_ws(' ', w.declares,
        nullif(string_agg(concat_ws(' ', m.fsm, m.version, m.steps), ', ' order by m.fsm, m.version), ''))
    from gendurable.workers as w left join gendurable.machines as m on m.worker_id = w.id
    where w.id = p_worker group by w.declares
$$;
select gd_register('w') as everything, gd_register('w', info => '{"machines": null, "pid": 7}') as too,
    gd_register('w', info => '{"machines": []}') as nothing,
       gd_register('w', info => '{"machines": [{"fsm": "m", "version": 2, "steps": ["a", "b"]}, {"fsm": "n", '
           '"version": 1}], "pid": 7}') as some \gset
select is(pg_temp.declared(:everything), 'f', 'a worker that declares nothing can run everything');
select is(pg_temp.declared(:too), 'f', 'so can one with a JSON null');
select is(pg_temp.declared(:nothing), 't', 'one that declares an empty list can run nothing');
select is(pg_temp.declared(:some), 't m 2 {a,b}, n 1', 'machines, versions and steps are noted');
select is((select w.info ->> 'pid' from gendurable.workers as w where w.id = :some), '7',
    'beside what else it says of itself');
select is((select w.info -> 'machines' -> 1 from gendurable.workers as w where w.id = :some),
    '{"fsm": "n", "version": 1}', 'which stands in its info as it was said');
select is(pg_temp.refusal($$
    select gd_register('w', info => '{"machines": [{"fsm": "m", "version": 1}, {"fsm": "m"}]}') $$),
    'GD002 info.machines, ord 2: version: expected an integer of 32 bits, got nothing',
    'a declaration that cannot be read is refused, and says why');
select gd_register('w', queues => '{}') as maintainer \gset
select is((select w.queues from gendurable.workers as w where w.id = :maintainer), '{}',
    'a worker without a queue is a maintainer');
update gendurable.workers set lease = '0' where id = :some;
update gendurable.leases set lease_until = now() - interval '1 s' where worker_id = :some;
select gd_register('w') \g /dev/null
select is((select count(*)::int from gendurable.machines where worker_id = :some), 0,
    'what a dead namesake declared goes with it');

select * from finish();
rollback;
