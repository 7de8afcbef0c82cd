-- The name of the archive's partition for a moment.
begin;
select plan(3);

select is(gendurable._partition_name('2026-03-04 05:59:59.9+00'), 'finished_20260304_00', 'its day and hour');
select is(gendurable._partition_name('2026-03-04 06:00+00'), 'finished_20260304_06', 'six hours each');
set local time zone 'Asia/Kathmandu';
select is(gendurable._partition_name('2026-03-04 18:00+00'), 'finished_20260304_18',
    'in UTC, whatever the session''s time zone');

select * from finish();
rollback;
