-- _utc: ISO 8601.
begin;
set local timezone = 'Asia/Tokyo';
set local datestyle = 'German';
select plan(3);

select is(gendurable._utc('2026-01-05 12:00:00+09'), '2026-01-05T03:00:00Z', 'in UTC, whatever the session');
select is(gendurable._utc('2026-01-05 03:00:10.25Z'), '2026-01-05T03:00:10.25Z', 'fractions where there are any');
select is(gendurable._utc('2026-01-05 03:00:10.000001Z'), '2026-01-05T03:00:10.000001Z', '… to the microsecond');

select * from finish();
rollback;
