-- _instant: the moment of a local time.
begin;
set local timezone = 'UTC';
select plan(5);

select is(gendurable._instant('2026-07-01 12:00', 'Europe/Berlin'), '2026-07-01 10:00Z', 'a time that comes once');
select is(gendurable._instant('2026-10-25 02:30', 'Europe/Berlin'), '2026-10-25 00:30Z', 'twice: the first');
select is(gendurable._instant('2026-03-29 02:30', 'Europe/Berlin'), '2026-03-29 01:30Z',
    'never: as without the change');
select is(gendurable._instant('2026-04-05 01:45', 'Australia/Lord_Howe'), '2026-04-04 14:45Z',
    'a change of half an hour: the first');
select is(gendurable._instant('2026-03-29 01:59', 'Europe/Berlin'), '2026-03-29 00:59Z', 'the last one before a gap');

select * from finish();
rollback;
