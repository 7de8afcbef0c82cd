-- Gives claims back whose step has not started: attempt and place in the order of picking stay.
-- With a delay they rest that long, for a worker that does not know this machine or version while
-- another one may.
--
-- Locks:  the claims by id, never waiting (see gendurable._release). Writes: instances.
-- Errors: GD002 a delay that is no moment in time.
create function public.gd_release(worker bigint, ids bigint[], delay interval default null)
returns int
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if gendurable._is_open('public.gd_release(bigint,bigint[],interval)') then
        perform gendurable._refuse_open();
    end if;
    return gendurable._release(
        array[gd_release.worker], coalesce(gd_release.ids, '{}'),
        p_eligible_at => case when gd_release.delay is not null
                              then gendurable._eligible_at(null, gd_release.delay) end);
end
$$;
comment on function public.gd_release(bigint, bigint[], interval)
    is 'Gives un-started claims back; answers how many.';
