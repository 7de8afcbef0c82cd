-- Raises the fence to a place, if it is lower; answers whether it is as high now.
--
-- two that raise it: each reads and writes it under a lock that it lets go of at once, or an open
-- transaction would keep all others from it. The value of a sequence stays.
-- Locks:  an advisory lock, never waiting, let go of. Writes: the sequence fence.
-- Errors: none of its own (GD000 is how it lets go; it never leaves).
create function gendurable._raise_fence(p_at timestamptz) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    -- One more, whatever is lost in the conversion back.
    v_fence constant bigint := 1 + ceil(extract(epoch from greatest(p_at, timestamptz 'epoch'))
                                        * 1000000)::bigint;
    v_done  boolean;
begin
    v_done := coalesce(pg_sequence_last_value('gendurable.fence'), 0) >= v_fence;
    if not v_done then
        begin
            if pg_try_advisory_xact_lock(26472, 0) then
                perform setval('gendurable.fence',
                               greatest(coalesce(pg_sequence_last_value('gendurable.fence'), 0),
                                        v_fence));
                v_done := true;
            end if;
            raise exception using errcode = 'GD000', message = 'gendurable: raised';
        exception when sqlstate 'GD000' then
            null;
        end;
    end if;
    return v_done;
end
$$;
comment on function gendurable._raise_fence(timestamptz) is 'Raises the fence to a place.';
