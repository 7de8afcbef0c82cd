-- Says which field of an outcome or an entry has a value of the wrong type; null: none.
--
-- Asked for only when something is wrong, so each field is tried for itself.
create function gendurable._field_problem(p_object jsonb) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_field text;
    v_value jsonb;
begin
    for v_field, v_value in select f.key, f.value from jsonb_each(p_object) as f order by f.key loop
        begin
            perform x.id
            from jsonb_to_record(jsonb_build_object(v_field, v_value)) as x (
                id bigint, fence bigint, continue boolean, delay_ms float8, timeout_ms float8,
                names text[], consumed bigint[], priority int, weight float8, fsm_version int,
                partition int, eligible_at timestamptz, delay interval, correlation_scope text[]);
        exception when data_exception or program_limit_exceeded then
            return v_field || ': expected ' || case
                when v_field in ('names', 'consumed', 'correlation_scope')
                    then case when jsonb_typeof(v_value) <> 'array' then 'an array'
                              when v_field = 'consumed' then 'an array of integers'
                              else 'an array of strings' end
                else case when v_field in ('id', 'fence') then 'an integer of 64 bits'
                          when v_field in ('priority', 'fsm_version', 'partition')
                              then 'an integer of 32 bits'
                          when v_field = 'continue' then 'true or false'
                          when v_field = 'eligible_at' then 'a timestamp'
                          when v_field = 'delay' then 'an interval'
                          else 'a number of double precision' end
                     || ', got ' || case when pg_column_size(v_value) > 1000
                                         then jsonb_typeof(v_value)    -- its text may be 1 GB
                                         else left(v_value::text, 40) end
            end;
        end;
    end loop;
    return null;
end
$$;
comment on function gendurable._field_problem(jsonb)
    is 'Which field of an outcome or an entry has a value of the wrong type, or null.';
