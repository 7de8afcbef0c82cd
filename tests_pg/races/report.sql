-- Report × the end of the claim, × maintenance, × a revival: it waits for nothing, and nothing
-- waits for it.
--
-- Race:      Report × outcome of the claim (1–8)
-- Sessions:  A: report open, B: commit. A: commit open, B: report. Undone.
-- Guard:     A report locks nothing. No view shows what it adds for an instance that has ended.
-- Mutations: It locks the instance → 2 (busy), 5; claims are not compared → 4, 8, 17.
--
-- Race:      Report, revival × maintenance (9–15)
-- Sessions:  A: maintenance open, B: report, revival. A: revival open, B: maintenance.
-- Guard:     Rows are only added; maintenance deletes with SKIP LOCKED.
-- Mutations: A revival waits → 10; maintenance waits → 14.
--
-- Race:      Two workers × one step; × minutes that are added up (16–20)
-- Sessions:  A: report open, B: report. A: adding up, B: report, reader.
-- Guard:     Each report adds rows of its own; the sum replaces its parts in one statement.
-- Mutations: The parts stay → 20.
\ir prelude.psql
select plan(20);
select test.open('a', 'b');
select gd_register('w', lease => '1 day') as w \gset
select gd_register('v', lease => '1 day') as v \gset
create function test.claim(worker bigint) returns jsonb
language plpgsql as $$
begin
    perform gd_enqueue('M');
    return (select to_jsonb(p) from (select p.id, p.fence from gd_pick(worker, 'default', 1) as p) as p);
end
$$;
create function test.report(worker bigint, claim jsonb, progress jsonb) returns text language sql as $$
    select format('select gd_report(%s, %L)', worker,
        jsonb_build_object('progress', jsonb_build_array(claim || jsonb_build_object('progress', progress)),
        'steps', '[{"queue": "q", "fsm": "f", "step": "s", "kind": "done", "count": 1, "seconds": 1, "slowest": '
        '1}]'::jsonb))
$$;
create function test.progress(claim jsonb) returns text language sql as $$
    select i.progress::text from gd_instances as i where i.id = (claim ->> 'id')::bigint $$;

-- The report first.
select test.claim(:w) as o \gset
select test.exec('a', 'begin');
select test.query('a', test.report(:w, :'o', '1'));
select test.send('b', test.commit(:w, :'o'::jsonb || '{"kind": "next", "step": "two", "continue": true}'));
select ok(not test.is_blocked('b'), 'a commit does not wait for a report');
select test.answer('b') as answer \gset
select is(test.results(:'answer'), 'continued', 'nor is it busy');
select test.exec('a', 'commit');
select is(test.progress(:'o'), '1', 'the report stands');
select is(test.result(test.query('a', test.report(:w, :'o', '2'))) || test.progress(:'o'), '1',
    'one of the step before comes too late');
select :'o'::jsonb || jsonb_build_object('fence', :'answer'::jsonb #> '{0,fence}') as o \gset

-- The end first, and undone, and not.
select test.exec('a', 'begin');
select test.query('a', test.commit(:w, :'o'::jsonb || '{"kind": "done"}'));
select test.send('b', test.report(:w, :'o', '3'));
select ok(not test.is_blocked('b'), 'a report does not wait for an end in flight');
select test.answer('b');
select test.exec('a', 'rollback');
select is(test.progress(:'o'), '3', 'that is undone');
select test.exec('a', 'begin');
select test.query('a', test.commit(:w, :'o'::jsonb || '{"kind": "stop"}'));
select test.query('b', test.report(:w, :'o', '4'));
select test.exec('a', 'commit');
select is(test.progress(:'o'), null, 'after the end no progress is shown');
select is((select count(*)::int from gendurable.reports), 3, 'though it was reported');

-- Maintenance in flight.
select test.claim(:w) as p \gset
select test.query('b', test.report(:w, :'p', '1'));
select test.exec('a', 'begin');
select test.query('a', 'select gendurable._sift_reports()');
select test.send('b', test.report(:w, :'p', '2'));
select ok(not test.is_blocked('b'), 'a report does not wait for maintenance');
select test.answer('b');
select test.send('b', format('select gd_retry(%s)', :'o'::jsonb ->> 'id'));
select ok(not test.is_blocked('b'), 'nor does a revival, of what it deletes');
select is(test.result(test.answer('b')), 'retried', 'the instance is back');
select test.exec('a', 'commit');
select is(test.progress(:'o'), null, 'without its progress');
select is(test.progress(:'p'), '2', 'what came meanwhile stands');

-- A revival in flight.
select gd_cancel((:'o'::jsonb ->> 'id')::bigint) \g /dev/null
insert into gendurable.reports (instance_id, at, fence, progress)
    values ((:'o'::jsonb ->> 'id')::bigint, now(), 1, '5');
select test.exec('a', 'begin');
select test.query('a', format('select gd_retry(%s)', :'o'::jsonb ->> 'id'));
select test.send('b', 'select count(*) from gd_maintain()');
select ok(not test.is_blocked('b'), 'maintenance does not wait for a revival');
select test.answer('b');
select test.exec('a', 'commit');
select is(test.progress(:'o'), null, 'the progress of the earlier life is gone');

-- Two workers; and minutes that are being added up.
update gendurable.throughput set minute = minute - interval '1 hour';
select sum(t.count) as sum from gd_throughput as t \gset
select test.exec('a', 'begin');
select test.query('a', test.report(:w, :'p', '6'));
select test.send('b', test.report(:v, :'p', '7'));
select ok(not test.is_blocked('b'), 'two workers do not wait for each other, though they measured the same step');
select test.answer('b');
select test.exec('a', 'commit');
select is(test.progress(:'p'), '6', 'the claim is one''s alone');
select test.exec('a', 'begin');
select test.query('a', 'select gendurable._compact_throughput()');
select test.send('b', test.report(:v, :'p', '8'));
select ok(not test.is_blocked('b'), 'nor for what is being added up');
select test.answer('b');
select is((select sum(t.count) from gd_throughput as t), :sum + 3::numeric, 'a reader counts each once');
select test.exec('a', 'commit');
select is((select sum(t.count) from gd_throughput as t), :sum + 3::numeric, 'and after it');
select * from finish();
