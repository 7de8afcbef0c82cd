-- Checks and delivers one signal.
--
-- Locks, Writes: see gendurable._deliver.
-- Errors: GD001, GD002 as gd_signal.
create function gendurable._signal(p_letter gendurable.letter) returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_problem record;
begin
    select p.code, p.problem into v_problem from gendurable._letter_problem(array[p_letter]) as p;
    if v_problem.problem is not null then
        perform gendurable._refuse(v_problem.code, v_problem.problem, 'gd_signal(target, name, payload, dedup_key); nothing was stored.');
    end if;
    return (select d.result from gendurable._deliver(array[p_letter]) as d);
end
$$;
comment on function gendurable._signal(gendurable.letter) is 'Checks and delivers one signal.';
