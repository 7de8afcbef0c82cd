-- Who holds the horizon of VACUUM.
\ir ../../races/prelude.psql
select plan(5);
select test.open('a');

create function test.mine() returns setof text language sql as $$
    select status || coalesce(': ' || remedy, '') from gendurable._examine_horizon() where detail ~ 'a report' $$;
select is((select count(*)::int from gendurable._examine_horizon() where topic = 'horizon'), 1,
    'one row, whether anything holds it or not');
select test.exec('a', $$ set application_name = 'a report' $$);
select test.exec('a', 'begin isolation level repeatable read');
select test.query('a', 'select pg_backend_pid()') -> 0 ->> 'pg_backend_pid' as pid \gset
select is((select coalesce(max(s), 'ok') from test.mine() as s), 'ok',
    'one that is young is no matter, though it may be told');
-- Time is not to be waited for: the function is asked with another measure.
select replace(replace(replace(pg_get_functiondef('gendurable._examine_horizon()'::regprocedure),
    'gendurable._examine_horizon', 'test.horizon'), '10 minutes', '0 minutes'), '1 hour', '0 hours') as source \gset
:source;
select results_eq('select status, detail ~ ''^Held by the session .* a report \(process ' || :'pid'
    || '\), open since .*, idle in its transaction since .*; \d+ transactions old\.$'', remedy from test.horizon() '
    'where detail ~ ''a report''',
    format($$ values ('problem', true, 'End it; the last resort is pg_terminate_backend(%s).') $$, :'pid'),
    'one that is old is told, with what to do');
select is((select count(*)::int from test.horizon() where detail ~ pg_backend_pid()::text), 0, 'never one''s own');
select test.exec('a', 'rollback');
select is_empty($$ select * from test.horizon() where detail ~ 'a report' $$, 'none any more');

select * from finish();
