-- Of transactions that are open those that may have put an instance into a line at p_at or later:
-- all but those that are known to have begun a second before that.
--
-- No instance in a line has a later place than the beginning of the transaction that put it there.
-- The second is for a clock that is set back a little.
create function gendurable._late_comers(p_trail gendurable.trails, p_open xid8[], p_at timestamptz)
returns xid8[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_moment gendurable.moment;
    v_last   gendurable.moment;
begin
    if p_open = '{}' then
        return p_open;
    end if;
    foreach v_moment in array
            p_trail.moments || row(p_trail.at, p_trail.xid)::gendurable.moment loop
        exit when v_moment.at >= p_at - interval '1 s';
        v_last := v_moment;
    end loop;
    return array(select x from unnest(p_open) as x
                 where v_last.xid is null or x >= v_last.xid
                 order by x);
end
$$;
comment on function gendurable._late_comers(gendurable.trails, xid8[], timestamptz)
    is 'Open transactions that may have put an instance into a line at a place or later.';
