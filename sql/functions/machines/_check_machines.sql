-- Refuses what a worker declares (info.machines) if it is no list of machines.
--
-- Errors: GD002 with the first entry that is wrong, or that names a machine and a version a second
--         time.
create function gendurable._check_machines(p_machines jsonb) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_problem text;
begin
    if jsonb_typeof(p_machines) <> 'array' then
        v_problem := format('expected an array, got %s', jsonb_typeof(p_machines));
    else
        select format('ord %s: %s', d.ord, d.problem) into v_problem
        from (select m.ord,
                     coalesce(gendurable._machine_problem(m.machine),
                              case when row_number() over (
                                            partition by m.machine -> 'fsm', m.machine -> 'version'
                                            order by m.ord) > 1
                                   then format('%s version %s is listed a second time',
                                               m.machine ->> 'fsm',
                                               m.machine ->> 'version') end) as problem
              from jsonb_array_elements(p_machines) with ordinality as m (machine, ord)) as d
        where d.problem is not null
        order by d.ord
        limit 1;
    end if;
    if v_problem is not null then
        perform gendurable._refuse(
            'GD002', 'info.machines, ' || v_problem,
            'info.machines lists what the worker can run, as objects {"fsm", "version", "steps"}; '
            'without steps it is all of them. Leave it out if the worker can run everything.');
    end if;
end
$$;
comment on function gendurable._check_machines(jsonb)
    is 'Refuses a declaration that is no list of machines.';
