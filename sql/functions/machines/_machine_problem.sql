-- Says what is wrong with one entry of info.machines; null: nothing. Unknown fields are ignored.
create function gendurable._machine_problem(p_machine jsonb) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_fsm     text  := p_machine ->> 'fsm';
    v_version jsonb := p_machine -> 'version';
    v_steps   jsonb := nullif(p_machine -> 'steps', 'null');
    v_step    jsonb;
begin
    if jsonb_typeof(p_machine) <> 'object' then
        return 'expected an object, got ' || jsonb_typeof(p_machine);
    elsif jsonb_typeof(p_machine -> 'fsm') is distinct from 'string' then
        return 'fsm: expected a string, got '
               || coalesce(jsonb_typeof(p_machine -> 'fsm'), 'nothing');
    elsif v_fsm = '' then
        return 'fsm is empty';
    elsif gendurable._too_long(v_fsm) then
        return gendurable._too_long_problem('fsm', v_fsm);
    elsif (gendurable._bigint(v_version) between -2147483648 and 2147483647) is not true then
        return 'version: expected an integer of 32 bits, got '
               || coalesce(left(v_version::text, 40), 'nothing');
    elsif jsonb_typeof(v_steps) <> 'array' then
        return 'steps: expected an array, got ' || jsonb_typeof(v_steps);
    end if;
    v_step := (select s.step from jsonb_array_elements(v_steps) as s (step)
               where jsonb_typeof(s.step) <> 'string' or s.step in ('""')
                  or gendurable._too_long(s.step #>> '{}')
               limit 1);
    if v_step is not null then
        return case when jsonb_typeof(v_step) <> 'string'
                    then 'steps: expected an array of strings, got one with '
                         || left(v_step::text, 40)
                    when v_step = '""' then 'one of steps is empty'
                    else gendurable._too_long_problem('one of steps', v_step #>> '{}') end;
    end if;
    return null;
end
$$;
comment on function gendurable._machine_problem(jsonb) is
    'What is wrong with a machine that a worker declares, or null.';
