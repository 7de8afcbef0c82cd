-- A moment in a sentence.
begin;
select plan(3);
set local timezone = 'Europe/Berlin';

select is(gendurable._clock('2026-03-01 10:20:30.4+00'), '2026-03-01 11:20:30 CET',
    'to the second, in the session''s zone');
select is(gendurable._clock('infinity'), 'for ever', 'no end');
select is(gendurable._clock(null), null, 'nothing');

select * from finish();
rollback;
