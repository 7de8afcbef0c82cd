-- gd_next_occurrence: when a schedule would be due.
begin;
\ir ../prelude.psql
set local timezone = 'UTC';
select plan(7);

select is(gd_next_occurrence('0 3 * * mon', 'Europe/Berlin', '2026-01-01'), '2026-01-05 02:00Z',
    'in a time zone, after a moment');
select is(gd_next_occurrence(cron => '@hourly', after => '2026-01-01'), '2026-01-01 01:00Z', 'UTC where none is said');
select is(gd_next_occurrence('@every 1 minute'), now() + interval '1 minute', 'now where none is said');
select is(gd_next_occurrence('@every 1 minute', null, null), now() + interval '1 minute', 'null is the default');
select is(gd_next_occurrence('0 0 30 2 *'), null, 'null: never');
select is(pg_temp.refusal('select gd_next_occurrence(null)'), 'GD001 cron is required', 'an expression is required');
select is(pg_temp.refusal($$ select gd_next_occurrence('@daily', 'Mars/Olympus') $$), 'GD002 timezone ''Mars/Olympus''',
    'a zone is one that the server knows');

select * from finish();
rollback;
