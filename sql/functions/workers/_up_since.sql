-- Since when the server has been up: no worker could renew its lease in the downtime before, so no
-- lease ends earlier than one lease after this moment.
--
-- A start is known to the server. What the postmaster survives (a crash of one session, which ends
-- them all) and what it goes through (a promotion) is told by gendurable.incarnation. A later
-- moment than the true one is safe, and so is any of several.
-- On a standby, where an unlogged table cannot be read, leases are shown as they came.
-- Locks: none. Writes: nothing.
create function gendurable._up_since() returns timestamptz
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if pg_is_in_recovery() then
        return timestamptz '-infinity';
    end if;
    return greatest(pg_postmaster_start_time(),
                    (select min(i.since) from gendurable.incarnation as i));
end
$$;
comment on function gendurable._up_since()
    is 'Since when the server has been up: leases from before count anew from there.';
