-- Runnable instances that cannot start now, and why, the oldest first: what the view gd_stuck
-- tells, but of what is stuck in one place for one reason at most `most`. So it is quick, however
-- many there are: with a queue paused, all that is in it.
--
-- Locks:  none. Writes: nothing. Plan: as gendurable._stuck.
-- Errors: GD002 a negative `most`.
create function public.gd_stuck(most int)
returns table (id bigint, fsm text, queue text, step text,
               reason text, detail text, since timestamptz)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if gendurable._is_open('public.gd_stuck(int)') then
        perform gendurable._refuse_open();
    end if;
    perform gendurable._check_search(null, gd_stuck.most, 1);
    return query
    select s.id, s.fsm, s.queue, s.step, s.reason, s.detail, s.since
    from gendurable._stuck(gd_stuck.most) as s;
end
$$;
comment on function public.gd_stuck(int)
    is 'Runnable instances that cannot start now, and why: some of each kind.';
