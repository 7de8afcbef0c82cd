-- The archive's windows.
begin;
select plan(4);

select is(gendurable._partition_start('2026-03-29 05:59:59.999999+00'), '2026-03-29 00:00+00'::timestamptz,
    'a window lasts six hours, its end excluded');
select is(gendurable._partition_start('2026-03-29 06:00+00'), '2026-03-29 06:00+00'::timestamptz,
    'a window''s start belongs to it');
set local timezone = 'Asia/Kathmandu';
select is(gendurable._partition_start('2026-03-29 13:00+00'), '2026-03-29 12:00+00'::timestamptz,
    'windows are the same in every time zone');
set local timezone = 'Europe/Berlin';
select is_empty($$ select h from generate_series('2026-03-28 00:00+00'::timestamptz, '2026-03-30', '1 hour') as h
                   where h - gendurable._partition_start(h) not between '0' and '5 hours'
                       or extract(epoch from gendurable._partition_start(h))::bigint % 21600 <> 0 $$,
    'a change of the clocks does not shift them');

select * from finish();
rollback;
