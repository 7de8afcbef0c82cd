-- _later: an interval later.
begin;
set local timezone = 'UTC';
select plan(5);

select is(gendurable._later('2026-03-28 12:00Z', '1 hour', 'Europe/Berlin'), '2026-03-28 13:00Z',
    'hours are as they are');
select is(gendurable._later('2026-03-28 12:00Z', '24 hours', 'Europe/Berlin'), '2026-03-29 12:00Z',
    '… also where the clocks change');
select is(gendurable._later('2026-03-28 12:00Z', '1 day', 'Europe/Berlin'), '2026-03-29 11:00Z',
    'a day goes by the calendar of the zone');
select is(gendurable._later('2026-01-31 12:00Z', '1 month', 'UTC'), '2026-02-28 12:00Z', 'so does a month');
select is(gendurable._later('2026-03-28 12:00Z', '1 day 90 minutes', 'Europe/Berlin'), '2026-03-29 12:30Z',
    'the parts each by itself');

select * from finish();
rollback;
