-- Brings failed instances back, each as gd_retry does, to the step that failed, with its state;
-- answers for each of `ids`, in order: what gd_retry answers; or busy, where another transaction
-- has the archived row, or has been taking or freeing its correlation key for longer than 50 ms.
-- None waits for the others.
--
-- Locks:  the archived rows, never waiting; their correlation keys, waiting for 50 ms, once.
-- Writes: as gendurable._revive.
-- Errors: GD001 ids missing; GD003 one of them missing.
--         Warnings: GD101, GD102 (see gendurable._warn_of_rates).
create function public.gd_retry_many(ids bigint[]) returns table (id bigint, result text)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_patience text := '50ms';
begin
    if gendurable._is_open('public.gd_retry_many(bigint[])') then
        perform gendurable._refuse_open();
    end if;
    perform gendurable._check_ids(gd_retry_many.ids);
    -- One by one: each is looked for in one partition of the archive after the other.
    foreach id in array gd_retry_many.ids loop
        result := gendurable._revive(id, p_patience => v_patience);
        if result = 'busy' then
            v_patience := '1ms';    -- one wait a call is enough
        end if;
        return next;
    end loop;
end
$$;
comment on function public.gd_retry_many(bigint[])
    is 'Brings failed instances back by their ids; what became of each.';
