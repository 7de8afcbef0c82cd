-- The levels of history that were set.
begin;
select plan(2);

select is(gendurable._levels(), '{}', 'none is set');
select gd_set_history(null, 'steps'), gd_set_history('m', 'none') \g /dev/null
select is(gendurable._levels(), '{"": "steps", "m": "none"}', 'by fsm; that of all others has none');

select * from finish();
rollback;
