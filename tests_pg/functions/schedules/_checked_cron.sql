-- _checked_cron: an expression, or an error.
begin;
\ir ../prelude.psql
\ir prelude.psql
select plan(3);

select is(gendurable._checked_cron('@hourly'), pg_temp.plan('0 * * * *'), 'an expression is parsed');
select is(pg_temp.refusal($$ select gendurable._checked_cron('60 * * * *') $$),
    'GD002 cron ''60 * * * *'': minute: ''60'' is not within 0-59', 'a bad one is refused, with the field');
select is(pg_temp.refusal('select gendurable._checked_cron(null)'), 'GD001 cron is required', 'none is refused');

select * from finish();
rollback;
