-- Which events are noted.
begin;
select plan(3);

create function pg_temp.noted(levels jsonb) returns text language sql as $$
    select concat_ws(' ', case when gendurable._is_noted(levels, 'm', true) then 'errors' end,
        case when gendurable._is_noted(levels, 'm', false) then 'others' end)
$$;
select is(pg_temp.noted('{}'), 'errors', 'errors, unless something else is set');
select results_eq($$ select l.level, pg_temp.noted(jsonb_build_object('', l.level)),
    pg_temp.noted(jsonb_build_object('m', l.level)), pg_temp.noted(jsonb_build_object('x', l.level))
    from unnest('{none,errors,steps}'::text[]) as l (level) $$,
    $$ values ('none', '', '', 'errors'), ('errors', 'errors', 'errors', 'errors'),
        ('steps', 'errors others', 'errors others', 'errors') $$, 'as the level of all, or of its own fsm, says');
select is(array[pg_temp.noted('{"": "steps", "m": "none"}'), pg_temp.noted('{"": "none", "m": "steps"}'),
    pg_temp.noted('{"": "none", "m": "errors"}')], '{"","errors others",errors}', 'that of its own fsm wins');

select * from finish();
rollback;
