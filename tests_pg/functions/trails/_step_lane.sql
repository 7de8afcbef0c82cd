-- The lane of a step.
begin;
select plan(2);
select is(gendurable._step_lane('q', 'f', 1, 's', 0, now(), 1, gendurable._enter_ready()),
    gendurable._kind('q', 'f', 1, 's')::bigint << 40, 'the line of its kind');
select is(gendurable._step_lane('q', 'f', 1, 's', 0, now() + interval '1 h', 1, gendurable._enter_ready()),
    gendurable._kind('q', 'f', 1, 's')::bigint << 40 | gendurable._run(pg_current_xact_id()),
    'or a run, as _lane says');
select * from finish();
rollback;
