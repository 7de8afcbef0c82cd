-- _missed: what is fired of what was missed.
begin;
\ir ../prelude.psql
\ir prelude.psql
set local timezone = 'UTC';
select plan(13);

-- The first occurrence is 100 s after noon; how many, from when to when, and the next: in seconds after noon.
create function pg_temp.missed(cron text, missed text, seconds int) returns text language sql as $$
    select concat_ws(' ', cardinality(m.fire), extract(epoch from m.fire[1] - noon)::int,
        extract(epoch from m.fire[cardinality(m.fire)] - noon)::int,
                     'next', extract(epoch from m.next_at - noon)::int)
    from (select timestamptz '2026-01-01 12:00Z') as x (noon),
         gendurable._missed(pg_temp.plan(cron), 'UTC', missed, noon + interval '100 s',
             noon + make_interval(secs => seconds)) as m
$$;
select is(pg_temp.missed('@every 10 s', 'one', 100), '1 100 100 next 110', 'one is due');
select is(pg_temp.missed('@every 10 s', 'skip', 109), '1 100 100 next 110', '… with skip');
select is(pg_temp.missed('@every 10 s', 'all', 109), '1 100 100 next 110', '… with all');
select is(pg_temp.missed('@every 10 s', 'one', 345), '1 340 340 next 350', 'one: the latest');
select is(pg_temp.missed('@every 10 s', 'all', 345), '25 100 340 next 350', 'all: in order');
select is(pg_temp.missed('@every 10 s', 'skip', 345), '6 290 340 next 350', 'skip: those of the last minute');
select is(pg_temp.missed('@every 10 s', 'skip', 160), '7 100 160 next 170',
    '… a minute late is not more than a minute late');
select is(pg_temp.missed('@every 10 s', 'skip', 161), '6 110 160 next 170', '… this is');
select is(pg_temp.missed('@every 1000 s', 'skip', 161), '0 next 1100', '… and leaves nothing');
select is(pg_temp.missed('@every 1 s', 'all', 1099), '1000 100 1099 next 1100', 'all: a thousand');
select is(pg_temp.missed('@every 1 s', 'all', 5000), '1000 4001 5000 next 5001', '… of more the latest thousand');
select is((select array[cardinality(m.fire)::text, m.fire[1]::text, m.fire[1000]::text, m.next_at::text]
           from gendurable._missed(pg_temp.plan('*/2 9-17 * * mon-fri'), 'UTC', 'all', '2025-12-01 09:00Z',
               '2026-01-01 13:00Z') as m),
    '{1000,"2025-12-26 15:42:00+00","2026-01-01 13:00:00+00","2026-01-01 13:02:00+00"}', '… also by the calendar');
select is((select m.next_at from gendurable._missed(pg_temp.plan('0 0 29 2 */7'), 'UTC', 'one', '2032-02-29',
    '2032-03-01') as m), null, 'no next one');

select * from finish();
rollback;
