-- Whether a place is below the cap of its line, or its priority has no line left.
--
-- Locks: none. Writes: nothing. Plan: trails_pkey, one descent.
create function gendurable._is_below_cap(p_kind int, p_priority int, p_eligible_at timestamptz,
                                         p_id bigint)
returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_lines gendurable.line[];
    v_line  gendurable.line;
begin
    select t.lines into v_lines
    from gendurable.trails as t
    where t.kind = p_kind and t.xmin = t.xid::xid
    order by t.kind, t.seq desc
    limit 1;
    foreach v_line in array coalesce(v_lines, '{}') loop
        if v_line.priority = p_priority then
            return (p_eligible_at, p_id) < (v_line.cap_at, v_line.cap_id);
        end if;
    end loop;
    return cardinality(v_lines) >= gendurable._most_lines() is true;
end
$$;
comment on function gendurable._is_below_cap(int, int, timestamptz, bigint)
    is 'Whether a place is below the cap of its line.';
